// The template of the project that this one continues, for tests of taking its stack over.
#pragma once

namespace ytb {

// As the original has it, by its description: YAML with short forms.
inline constexpr const char* kOriginalTemplate = R"(AWSTemplateFormatVersion: '2010-09-09'
Parameters:
  DBName: {Type: String}
  HostName: {Type: String}
  DomainRoot: {Type: String}
  SnapshotID: {Type: String}
  DiskSize: {Type: String}
  SecurityGroup: {Type: String}
  SubnetGroup: {Type: String}
Resources:
  AliasRecord:
    Type: 'AWS::Route53::RecordSet'
    Properties:
      Comment: yesterday's copy
      HostedZoneName: !Sub "${DomainRoot}."
      Name: !Sub "${HostName}.${DomainRoot}"
      ResourceRecords:
        - !GetAtt Instance.Endpoint.Address
      TTL: 300
      Type: CNAME
  Instance:
    Type: 'AWS::RDS::DBInstance'
    Properties:
      AllocatedStorage: !Ref DiskSize
      BackupRetentionPeriod: 0
      DBInstanceClass: 'db.t3.small'
      DBInstanceIdentifier: !Ref DBName
      DBSnapshotIdentifier: !Ref SnapshotID
      PubliclyAccessible: true
      StorageType: gp2
      DBSubnetGroupName: !Ref SubnetGroup
      VPCSecurityGroups:
      - !Ref SecurityGroup
Outputs:
  DomainName:
    Value: !Ref AliasRecord
)";

}  // namespace ytb
