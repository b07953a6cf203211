#!/usr/bin/env python3
"""deploy/aws/template.yaml and serverless.yml: whole, small enough, and allowing what is needed and no more."""
import functools
import itertools
import json
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import botocore.loaders
import cfn
import policy
import yaml

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SERVERLESS = os.path.join(ROOT, "deploy", "aws", "serverless.yml")
TEMPLATE_BYTES_MAX = 1000000  # of a template that comes through S3, as deploy.sh and a launch link have it
MANAGED_CHARACTERS_MAX = 6144
INLINE_CHARACTERS_MAX = 10240  # all inline policies of a role
PARTITIONS = {
    "aws": {"AWS::Partition": "aws", "AWS::Region": "eu-west-1", "AWS::URLSuffix": "amazonaws.com"},
    "aws-us-gov": {"AWS::Partition": "aws-us-gov", "AWS::Region": "us-gov-west-1", "AWS::URLSuffix": "amazonaws.com"},
    "aws-cn": {"AWS::Partition": "aws-cn", "AWS::Region": "cn-north-1", "AWS::URLSuffix": "amazonaws.com.cn"},
}
STACK = "stack:shop-yesterday-20261123-020842-1"
COPY = "db:shop-yesterday-20261123-020842-1"
SNAPSHOT = "snapshot:rds:shop-2026-11-23-02-08"

# An example of every operation that src/drivers/aws names: what it is about, and a thing it must not be allowed on.
ROLE_INPUT = {"RoleARN": "arn:aws:iam::123456789012:role/x"}
RECORD = {"ChangeBatch": {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": {"Name": "shop-yesterday.example.com.", "Type": "CNAME"}}]}}
OPERATIONS = {
    "rds": {
        "DescribeDBInstances": ("", None), "DescribeDBClusters": ("", None), "DescribeDBSnapshots": ("", None),
        "DescribeDBClusterSnapshots": ("", None), "DescribeDBSubnetGroups": ("", None), "DescribeDBParameterGroups": ("", None),
        "DescribeAccountAttributes": ("", None), "DescribeCertificates": ("", None), "DescribeOptionGroups": ("", None),
        "DescribeDBEngineVersions": ("", None),
        "DescribeOrderableDBInstanceOptions": ("", None), "ListTagsForResource": (COPY, None),
        "CopyDBSnapshot": ("snapshot:shop-yesterday-20261123-020842-1-source", "snapshot:other"),
        "CopyDBClusterSnapshot": ("cluster-snapshot:shop-yesterday-20261123-020842-1-source", "cluster-snapshot:other"),
        "DeleteDBSnapshot": ("snapshot:shop-yesterday-20261123-020842-1-source", SNAPSHOT),
        "DeleteDBClusterSnapshot": ("cluster-snapshot:shop-yesterday-20261123-020842-1-source", "cluster-snapshot:rds:shop-x"),
        "ModifyDBInstance": (COPY, "db:shop"), "ModifyDBCluster": (COPY.replace("db:", "cluster:"), "cluster:shop"),
        "AddTagsToResource": (COPY, "db:shop"), "RemoveTagsFromResource": (COPY, "db:other"),
    },
    "cloudformation": {
        "CreateStack": (STACK, "stack:other"), "UpdateStack": (STACK, "stack:other"), "DeleteStack": (STACK, "stack:other"),
        "ContinueUpdateRollback": (STACK, "stack:other"), "SetStackPolicy": (STACK, "stack:other"),
        "DescribeStacks": (STACK, None), "ListStacks": ("", None), "DescribeStackEvents": (STACK, "stack:other"),
        "DescribeStackResources": (STACK, "stack:other"), "GetTemplate": (STACK, "stack:other"),
    },
    "route53": {
        "ListHostedZonesByName": ("", None), "GetHostedZone": ("zone:Z1EXAMPLE", "zone:Z2"),
        "ListResourceRecordSets": ("zone:Z1EXAMPLE", "zone:Z2"),
        "ChangeResourceRecordSets": ("zone:Z1EXAMPLE shop-yesterday.example.com", "zone:Z2 shop-yesterday.example.com"),
        "GetChange": ("change:C1", None),
    },
    "sts": {"GetCallerIdentity": ("", None), "AssumeRole": ("", None), "AssumeRoleWithWebIdentity": ("", None)},
    "ecs": {
        "RunTask": ("task-definition:yesterdaytabase:1", "task-definition:other:1"), "DescribeTasks": ("task:abc", None),
        "ListTasks": ("", None), "StopTask": ("task:abc", None), "DescribeTaskDefinition": ("task-definition:yesterdaytabase", None),
        "DescribeClusters": ("cluster:cluster-id", "cluster:other"),
    },
    "ec2": {"DescribeSecurityGroups": ("", None), "DescribeSubnets": ("", None)},
    "iam": {"SimulatePrincipalPolicy": ("role:FunctionRole", "role:other"), "GetRole": ("role:FunctionRole", "role:other")},
    "s3": {
        "ListObjectsV2": ("bucket:bucket-id", "bucket:other"), "HeadBucket": ("bucket:bucket-id", "bucket:other"),
        "GetObject": ("bucket:bucket-id/config/policy.yaml", "bucket:other/x"),
        "HeadObject": ("bucket:bucket-id/yesterdaytabase/shop/attempts.json", "bucket:other/x"),
        "PutObject": ("bucket:bucket-id/yesterdaytabase/shop/attempts.json", "bucket:other/x"),
        "DeleteObject": ("bucket:bucket-id/yesterdaytabase/shop/attempts.json", "bucket:other/x"),
    },
    "secretsmanager": {"GetSecretValue": ("secret:yesterdaytabase/masking-key-AbCdEf", "secret:production/password-AbCdEf")},
    "ssm": {"GetParameter": ("parameter:/yesterdaytabase/config", "parameter:/production/password")},
}
# Under the names that botocore has; which sources name the operations of which services.
SOURCES = {"rds": "rds", "cloudformation": "cloudformation", "route53": "route53", "sts": "sts", "ecs": "ecs", "ec2": "ec2",
           "iam": "iam", "s3": "s3", "secrets": "secretsmanager ssm"}


@functools.cache
def operations_of(service):
    return set(botocore.loaders.Loader().load_service_model(service, "service-2")["operations"])


def named_in_sources():
    """Every operation of the service models that a string literal of src/drivers/aws is."""
    found = set()
    for source, services in SOURCES.items():
        with open(os.path.join(ROOT, "src", "drivers", "aws", source + ".cc"), encoding="utf-8") as file:
            literals = set(re.findall(r'"([A-Z][A-Za-z0-9]+)"', file.read()))
        for service in services.split():
            found |= {(service, one) for one in literals & operations_of(service)}
    return found


def example(service, operation, target):
    given = {"CreateStack": ROLE_INPUT, "ChangeResourceRecordSets": RECORD}.get(operation, {})
    return {"service": service, "operation": operation, "target": target, "input": given}


def walk(value):
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(inner)


def documents_of(resource):
    """The policies of a role or of a managed policy."""
    properties = resource.get("Properties", {})
    if resource["Type"] == "AWS::IAM::ManagedPolicy":
        return [properties["PolicyDocument"]]
    if resource["Type"] == "AWS::IAM::Role":
        return [one["PolicyDocument"] for one in properties.get("Policies", [])]
    return []


class Template(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.template = cfn.load(policy.TEMPLATE)

    def test_is_small_enough_to_come_through_a_bucket(self):
        self.assertLess(os.path.getsize(policy.TEMPLATE), TEMPLATE_BYTES_MAX)

    def test_every_name_resolves_with_every_choice(self):
        choices = {
            "Network": ["existing-nat", "endpoints", "outside-vpc"],
            "ImageUri": ["", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ytb:1"],
            "CodeBucket": ["", "code"],
            "Secrets": ["create", "existing"],
            "ExistingBucket": ["", "kept"],
            "ConfigReference": ["bucket", "none", "ssm:/yesterdaytabase/config"],
            "PolicyReference": ["bucket", "none"],
            "AdoptOriginal": ["no", "yes"],
        }
        rarer = {"ProductionResourceIds": "db-A,cluster-B", "AlarmEmail": "somebody@example.com", "RouteTableIds": "rtb-1", "Route53EndpointService": "com.amazonaws.route53"}
        for values in itertools.product(*choices.values()):
            chosen = {**dict(zip(choices, values)), **(rarer if values[0] == "endpoints" else {})}
            resolver = cfn.Resolver(self.template, {**policy.DEFAULTS, **chosen})
            with self.subTest(chosen):
                resolver.resources()
                resolver.outputs()

    def test_nothing_is_declared_that_nobody_uses(self):
        text = json.dumps({key: self.template[key] for key in ("Conditions", "Resources", "Outputs", "Rules")})
        for name in self.template["Parameters"]:
            self.assertRegex(text, r'"Ref": "%s"|\$\{%s\}' % (name, name))
        for name in self.template["Conditions"]:
            self.assertRegex(text, r'"Condition": "%s"|"Fn::If": \["%s"' % (name, name))
        grouped = [one for group in self.template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
                   for one in group["Parameters"]]
        self.assertEqual(sorted(grouped), sorted(self.template["Parameters"]))

    def test_secrets_evidence_and_the_service_role_outlive_the_stack(self):
        kept = ["MaskingKey", "SigningKey", "StagingPassword", "Bucket", "ServiceRole", "HandsOffProduction"]
        for name in kept:
            self.assertEqual(self.template["Resources"][name]["DeletionPolicy"], "RetainExceptOnCreate", name)
            self.assertEqual(self.template["Resources"][name]["UpdateReplacePolicy"], "Retain", name)
        again = cfn.Resolver(self.template, {**policy.DEFAULTS, "Secrets": "existing", "ExistingBucket": "kept"}).resources()
        self.assertFalse({"MaskingKey", "SigningKey", "StagingPassword", "Bucket"} & set(again))
        self.assertEqual(again["Function"]["Properties"]["Environment"]["Variables"]["YTB_BUCKET"], "kept")

    def test_no_secret_is_a_parameter(self):
        for name in self.template["Parameters"]:
            self.assertNotRegex(name, "(?i)password|keyvalue|token")

    def test_bucket_is_private_versioned_and_encrypted(self):
        bucket = self.template["Resources"]["Bucket"]["Properties"]
        self.assertEqual(set(bucket["PublicAccessBlockConfiguration"].values()), {True})
        self.assertEqual(len(bucket["PublicAccessBlockConfiguration"]), 4)
        self.assertEqual(bucket["VersioningConfiguration"], {"Status": "Enabled"})
        self.assertIn("BucketEncryption", bucket)

    def test_a08_no_capacity_provider_races_the_role_that_ecs_makes_for_itself(self):
        # aws-cloudformation/cloudformation-coverage-roadmap#818; RunTask with a launch type needs none.
        for name, resource in self.template["Resources"].items():
            self.assertNotIn("CapacityProviders", resource.get("Properties", {}), name)
            self.assertNotEqual(resource["Type"], "AWS::ECS::ClusterCapacityProviderAssociations", name)

    def test_quarantine_lets_in_the_worker_alone_and_out_nothing(self):
        resources = cfn.Resolver(self.template, policy.DEFAULTS).resources()
        group = resources["QuarantineGroup"]["Properties"]
        self.assertEqual([rule["CidrIp"] for rule in group["SecurityGroupEgress"]], ["127.0.0.1/32"])
        self.assertNotIn("SecurityGroupIngress", group)
        rules = [one["Properties"] for one in resources.values()
                 if one["Type"].startswith("AWS::EC2::SecurityGroup") and one["Properties"].get("GroupId") == "quarantinegroup-groupid"]
        self.assertEqual(len(rules), 1)
        self.assertEqual(rules[0], {"GroupId": "quarantinegroup-groupid", "SourceSecurityGroupId": "workergroup-groupid",
                                    "IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432})

    def test_three_networks(self):
        def made(network):
            values = {**policy.DEFAULTS, "Network": network, "RouteTableIds": "rtb-1"}
            resources = cfn.Resolver(self.template, values).resources()
            endpoints = {one["Properties"]["ServiceName"].split(".", 3)[-1] for one in resources.values()
                         if one["Type"] == "AWS::EC2::VPCEndpoint"}
            return "VpcConfig" in resources["Function"]["Properties"], endpoints

        self.assertEqual(made("existing-nat"), (True, set()))
        self.assertEqual(made("outside-vpc"), (False, set()))
        self.assertEqual(made("endpoints"), (True, {"rds", "cloudformation", "sts", "logs", "secretsmanager", "ssm", "kms", "ec2",
                                                    "ecs", "ecr.api", "ecr.dkr", "s3"}))

    def test_heartbeat_ticks_and_the_schedule_sends_the_originals_event_as_it_is(self):
        event = '{"config":{"domain":"mysite.com","db":{"name":"shop","security_group":"sg-1","subnet_group":"default"}},"action":"update"}'
        values = {**policy.DEFAULTS, "SourceConfiguration": event, "TimeZone": "Europe/Berlin"}
        resources = cfn.Resolver(self.template, values).resources()
        self.assertEqual(resources["DueSchedule"]["Properties"]["Target"]["Input"], event)
        self.assertEqual(resources["DueSchedule"]["Properties"]["ScheduleExpressionTimezone"], "Europe/Berlin")
        heartbeat = resources["Heartbeat"]["Properties"]
        self.assertEqual(heartbeat["ScheduleExpression"], "rate(5 minutes)")
        self.assertEqual(json.loads(heartbeat["Targets"][0]["Input"]), {"action": "tick"})

    def test_policies_are_within_iams_limits_with_long_names(self):
        longest = {"DbName": "d" * 63, "Production": "p" * 25, "RecordName": "r" * 63 + ".example.com", "AdoptOriginal": "yes",
                   "FurtherSnapshots": ",".join(["arn:aws:rds:eu-west-1:123456789012:snapshot:" + "s" * 60] * 3),
                   "SharedSnapshotKeyArn": "arn:aws:kms:eu-west-1:210987654321:key/" + "0" * 36,
                   "ProductionResourceIds": ",".join(["cluster-" + "A" * 26] * 10)}
        for place in PARTITIONS.values():
            self.check_sizes(policy.Policies({**longest, **place}).resources)

    def check_sizes(self, resources):
        for name, resource in resources.items():
            if resource["Type"] == "AWS::IAM::ManagedPolicy":
                size = len(json.dumps(resource["Properties"]["PolicyDocument"], separators=(",", ":")))
                self.assertLess(size, MANAGED_CHARACTERS_MAX, name)
            if resource["Type"] == "AWS::IAM::Role":
                inline = [one["PolicyDocument"] for one in resource["Properties"].get("Policies", [])]
                self.assertLess(len(json.dumps(inline, separators=(",", ":"))), INLINE_CHARACTERS_MAX, name)

    def test_actions_are_operations_that_there_are(self):
        # Rights that no operation of their service is named after.
        rights = {"iam:PassRole", "s3:ListBucket", "ecs:TagResource", "cloudformation:TagResource", "cloudformation:UntagResource",
                  "ecr:GetAuthorizationToken", "lambda:InvokeFunction", "sts:AssumeRole", "s3:*", "rds-db:connect",
                  "rds:DeleteDBClusterAutomatedBackup"}  # newer than Debian's models
        models = {"lambda": "lambda", "ecr": "ecr", "logs": "logs", "kms": "kms"}
        known = {}
        for value in walk(self.template["Resources"]):
            if not isinstance(value, dict) or "Effect" not in value:
                continue
            for action in policy.as_list(value["Action"]):
                service, _, name = action.partition(":")
                if action in rights:
                    continue
                known.setdefault(service, operations_of(models.get(service, service)))
                self.assertTrue(any(policy.matches(name, one) for one in known[service]), action)


class OtherPartitions(unittest.TestCase):
    """GovCloud and China: ARNs begin otherwise, and in China host names end otherwise."""

    def test_no_template_names_a_partition(self):
        # Where Join puts ARNs together, one of each partition is written out.
        allowed = re.compile(r"!Split \[\",\", !Sub \[\"arn:(aws|aws-cn|aws-us-gov):rds-db:[^\n]*")
        for name in sorted(os.listdir(os.path.join(ROOT, "deploy", "aws"))):
            if not name.endswith((".yaml", ".yml")):
                continue
            with open(os.path.join(ROOT, "deploy", "aws", name), encoding="utf-8") as file:
                text = allowed.sub("", file.read())
            self.assertEqual(re.findall(r"[^\n]*arn:aws[^\[$][^\n]*", text), [], name)
            self.assertEqual(re.findall(r"[^\n]*ViaService[^\n]*amazonaws[^\n]*", text), [], name)

    def test_every_arn_is_of_the_deployments_partition(self):
        named = {"ProductionResourceIds": "db-A,cluster-B", "AdoptOriginal": "yes", "SnapshotOwners": "210987654321"}
        for partition, place in PARTITIONS.items():
            resources = policy.Policies({**named, **place}).resources
            documents = [document for one in resources.values() for document in documents_of(one)]
            arns = re.findall(r"arn:[^\"]*", json.dumps(documents))
            self.assertGreater(len(arns), 70)
            for arn in arns:
                self.assertEqual(arn.split(":")[1], partition, arn)
            hosts = re.findall(r"\"([a-z0-9-]+\.[a-z0-9-]+)\.(amazonaws\.com[.cn]*)\"", json.dumps(documents))
            self.assertIn(("rds." + place["AWS::Region"], place["AWS::URLSuffix"]), hosts)
            self.assertEqual({suffix for _, suffix in hosts}, {place["AWS::URLSuffix"]})

    def test_every_call_is_allowed_there_and_production_denied(self):
        for partition, place in PARTITIONS.items():
            policies = policy.Policies({"ProductionResourceIds": "db-PRODUCTION", **place})
            for service, operations in OPERATIONS.items():
                for operation, (ours, foreign) in operations.items():
                    with self.subTest(partition=partition, service=service, operation=operation):
                        self.assertEqual(policies.call(example(service, operation, ours)), [])
                        if foreign is not None:
                            self.assertNotEqual(policies.call(example(service, operation, foreign)), [], foreign)
            region = f"{place['AWS::Region']}:{policies.account}"
            for role in ("FunctionRole", "TaskRole", "ServiceRole"):
                self.assertEqual(policies.decide(role, "rds:DeleteDBInstance", f"arn:{partition}:rds:{region}:db:shop"), "explicitDeny")
                login = f"arn:{partition}:rds-db:{region}:dbuser:db-PRODUCTION/master"
                self.assertEqual(policies.decide(role, "rds-db:connect", login), "explicitDeny")


class Permissions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.policies = policy.Policies()

    def test_every_call_that_the_sources_name_has_an_example(self):
        named = named_in_sources()
        self.assertGreater(len(named), 40)
        self.assertEqual(named - {(service, one) for service, all_of in OPERATIONS.items() for one in all_of}, set())

    def test_every_call_of_ours_is_allowed_on_what_is_ours_and_on_nothing_else(self):
        for service, operations in OPERATIONS.items():
            for operation, (ours, foreign) in operations.items():
                with self.subTest(service=service, operation=operation):
                    self.assertEqual(self.policies.call(example(service, operation, ours)), [])
                    if foreign is not None:
                        self.assertNotEqual(self.policies.call(example(service, operation, foreign)), [], foreign)

    def stack_did(self, operation, target, **given):
        return self.policies.call({"service": "rds", "operation": operation, "target": target, "input": given,
                                   "principal": "cloudformation.amazonaws.com/" + STACK[6:]})

    def test_stacks_make_change_and_delete_copies(self):
        given = {"DBSnapshotIdentifier": SNAPSHOT[9:], "DBInstanceClass": "db.t4g.medium", "DBSubnetGroupName": "private"}
        self.assertEqual(self.stack_did("RestoreDBInstanceFromDBSnapshot", COPY, **given), [])
        cluster = COPY.replace("db:", "cluster:")
        self.assertEqual(self.stack_did("RestoreDBClusterFromSnapshot", cluster, SnapshotIdentifier="rds:shop-2026-11-23-02-08"), [])
        self.assertEqual(self.stack_did("CreateDBInstance", COPY + "-w", DBInstanceClass="db.t4g.medium"), [])
        for operation in ("ModifyDBInstance", "RebootDBInstance", "DeleteDBInstance", "AddTagsToResource", "RemoveTagsFromResource"):
            self.assertEqual(self.stack_did(operation, COPY), [], operation)
        for operation in ("ModifyDBCluster", "DeleteDBCluster", "AddTagsToResource"):
            self.assertEqual(self.stack_did(operation, cluster), [], operation)
        group = COPY.replace("db:", "pg:")
        for operation in ("CreateDBParameterGroup", "ModifyDBParameterGroup", "DeleteDBParameterGroup", "AddTagsToResource"):
            self.assertEqual(self.stack_did(operation, group), [], operation)
        group = COPY.replace("db:", "cluster-pg:")
        for operation in ("CreateDBClusterParameterGroup", "ModifyDBClusterParameterGroup", "DeleteDBClusterParameterGroup"):
            self.assertEqual(self.stack_did(operation, group), [], operation)

    def test_stacks_restore_no_other_database_no_other_class_and_over_nothing(self):
        good = {"DBSnapshotIdentifier": SNAPSHOT[9:], "DBInstanceClass": "db.t4g.medium"}
        restore = "RestoreDBInstanceFromDBSnapshot"
        self.assertEqual(self.stack_did(restore, COPY, **good), [])
        self.assertNotEqual(self.stack_did(restore, COPY, **{**good, "DBSnapshotIdentifier": "rds:crm-2026-11-23-02-08"}), [])
        self.assertNotEqual(self.stack_did(restore, COPY, **{**good, "DBInstanceClass": "db.r6g.16xlarge"}), [])
        self.assertNotEqual(self.stack_did(restore, "db:shop-new", **good), [])
        more = policy.Policies({"FurtherSnapshots": "arn:aws:rds:eu-west-1:210987654321:snapshot:shared-*"})
        shared = {"service": "rds", "operation": restore, "target": COPY, "principal": "cloudformation.amazonaws.com/x",
                  "input": {**good, "DBSnapshotIdentifier": "arn:aws:rds:eu-west-1:210987654321:snapshot:shared-1"}}
        self.assertEqual(more.call(shared), [])
        self.assertNotEqual(self.policies.call(shared), [])

    def test_production_is_denied_explicitly_to_every_role(self):
        region = "arn:aws:rds:eu-west-1:123456789012:"
        for role in ("FunctionRole", "TaskRole", "ServiceRole"):
            for action in ("ModifyDBInstance", "DeleteDBInstance", "StopDBInstance", "RebootDBInstance", "AddTagsToResource"):
                for name in ("shop", "crm", "shop-replica", "shop-2026-11-23-0208"):
                    self.assertEqual(self.policies.decide(role, "rds:" + action, f"{region}db:{name}"), "explicitDeny")
            for action in ("ModifyDBCluster", "DeleteDBCluster", "StopDBCluster", "FailoverDBCluster"):
                self.assertEqual(self.policies.decide(role, "rds:" + action, region + "cluster:shop"), "explicitDeny")
            for kind in ("snapshot", "cluster-snapshot"):
                delete = "rds:DeleteDBSnapshot" if kind == "snapshot" else "rds:DeleteDBClusterSnapshot"
                for name in ("rds:shop-2026-11-23-02-08", "awsbackup:job-1", "shop-before-migration"):
                    self.assertEqual(self.policies.decide(role, delete, f"{region}{kind}:{name}"), "explicitDeny")
            for action in ("RestoreDBInstanceToPointInTime", "RestoreDBClusterToPointInTime", "ModifyDBSnapshotAttribute"):
                self.assertEqual(self.policies.decide(role, "rds:" + action, region + COPY), "explicitDeny")

    def test_a_production_whose_name_looks_like_a_copys_is_production_still(self):
        policies = policy.Policies({"DbName": "shop-yesterday-edition"})
        arn = "arn:aws:rds:eu-west-1:123456789012:db:shop-yesterday-edition"
        for role in ("FunctionRole", "TaskRole", "ServiceRole"):
            self.assertEqual(policies.decide(role, "rds:DeleteDBInstance", arn), "explicitDeny")
            self.assertEqual(policies.decide(role, "rds:ModifyDBInstance", arn), "explicitDeny")

    def test_logging_in_by_iam_is_allowed_where_productions_are_named_and_to_them_never(self):
        def may(policies, role, resource):
            return policies.decide(role, "rds-db:connect", f"arn:aws:rds-db:eu-west-1:123456789012:dbuser:{resource}/master")

        copies, productions = ("db-COPY", "cluster-COPY", "db-PRODUCTIONS"), ("db-PRODUCTION", "cluster-OTHER")
        named = policy.Policies({"ProductionResourceIds": ",".join(productions)})
        for role in ("FunctionRole", "TaskRole", "ServiceRole"):
            for one in productions:
                self.assertEqual(may(named, role, one), "explicitDeny", role)
                self.assertEqual(may(self.policies, role, one), "implicitDeny", role)
            for one in copies:
                self.assertEqual(may(named, role, one), "implicitDeny" if role == "ServiceRole" else "allowed", one)
                self.assertEqual(may(self.policies, role, one), "implicitDeny", one)
        call = {"service": "rds-db", "operation": "connect", "target": "dbuser:db-COPY/master"}
        self.assertEqual(named.call(call), [])
        self.assertNotEqual(named.call({**call, "target": "dbuser:db-PRODUCTION/master"}), [])
        self.assertNotEqual(self.policies.call(call), [])
        # Of a name instead of an id nothing would be denied.
        pattern = cfn.load(policy.TEMPLATE)["Parameters"]["ProductionResourceIds"]["AllowedPattern"]
        for good in ("", "db-ABCDEFGHIJKLMNOPQRSTUVWX01", "cluster-ABC"):
            self.assertIsNotNone(re.fullmatch(pattern, good), good)
        for bad in ("shop", "db-*", "arn:aws:rds:eu-west-1:1:db:shop", "db-abc", "prx-ABC"):
            self.assertIsNone(re.fullmatch(pattern, bad), bad)

    def test_one_record_of_one_zone(self):
        def change(name, kind="CNAME", action="UPSERT"):
            record = {"Action": action, "ResourceRecordSet": {"Name": name, "Type": kind}}
            return self.policies.call({"service": "route53", "operation": "ChangeResourceRecordSets", "target": "zone:Z1EXAMPLE " + name,
                                       "input": {"ChangeBatch": {"Changes": [record]}}})

        self.assertEqual(change("shop-yesterday.example.com."), [])
        self.assertNotEqual(change("www.example.com."), [])
        self.assertNotEqual(change("shop-yesterday.example.com.", kind="A"), [])
        self.assertNotEqual(change("shop-yesterday.example.com.", action="CREATE"), [])
        arn = "arn:aws:route53:::hostedzone/Z1EXAMPLE"
        self.assertEqual(self.policies.decide("FunctionRole", "route53:ChangeResourceRecordSets", arn, {}), "implicitDeny")

    def test_roles_are_passed_to_their_services_only(self):
        def passing(role, service):
            arn = f"arn:aws:iam::123456789012:role/{role}"
            return self.policies.decide("FunctionRole", "iam:PassRole", arn, {"iam:PassedToService": service})

        self.assertEqual(passing("ServiceRole", "cloudformation.amazonaws.com"), "allowed")
        self.assertEqual(passing("TaskRole", "ecs-tasks.amazonaws.com"), "allowed")
        self.assertEqual(passing("ServiceRole", "lambda.amazonaws.com"), "implicitDeny")
        self.assertEqual(passing("TaskRole", "cloudformation.amazonaws.com"), "implicitDeny")
        self.assertEqual(passing("Admin", "cloudformation.amazonaws.com"), "implicitDeny")

    def test_what_a_call_is_about_is_found_in_its_input(self):
        region = "arn:aws:rds:eu-west-1:123456789012:"
        for service, operation, ours, foreign in (
                ("cloudformation", "DescribeStackEvents", {"StackName": STACK[6:]}, {"StackName": "production"}),
                ("s3", "GetObject", {"Bucket": "bucket-id", "Key": "a"}, {"Bucket": "other", "Key": "a"}),
                ("s3", "ListObjectsV2", {"Bucket": "bucket-id"}, {"Bucket": "other"}),
                ("route53", "GetHostedZone", {"Id": "/hostedzone/Z1EXAMPLE"}, {"Id": "Z2"}),
                ("route53", "ListResourceRecordSets", {"HostedZoneId": "Z1EXAMPLE"}, {"HostedZoneId": "Z2"}),
                ("secretsmanager", "GetSecretValue", {"SecretId": "yesterdaytabase/masking-key"}, {"SecretId": "production"}),
                ("ssm", "GetParameter", {"Name": "/yesterdaytabase/config"}, {"Name": "/production"}),
                ("ecs", "DescribeTasks", {"tasks": ["abc"]}, {"tasks": ["arn:aws:ecs:eu-west-1:123456789012:task/other/abc"]}),
                ("ecs", "RunTask", {"taskDefinition": "yesterdaytabase"}, {"taskDefinition": "other"}),
                ("iam", "GetRole", {"RoleName": "FunctionRole"}, {"RoleName": "Admin"}),
                ("rds", "AddTagsToResource", {"ResourceName": region + COPY}, {"ResourceName": region + "db:shop"})):
            with self.subTest(operation):
                call = {"service": service, "operation": operation, "target": ""}
                self.assertEqual(self.policies.call({**call, "input": ours}), [])
                self.assertNotEqual(self.policies.call({**call, "input": json.dumps(foreign)}), [])

    def test_stacks_are_made_through_the_service_role_only(self):
        call = {"service": "cloudformation", "operation": "CreateStack", "target": STACK}
        self.assertNotEqual(self.policies.call(call), [])
        self.assertEqual(self.policies.call({**call, "input": ROLE_INPUT}), [])

    def test_keys_are_granted_to_rds_only(self):
        arn = "arn:aws:kms:eu-west-1:123456789012:key/1"
        for role in ("FunctionRole", "ServiceRole"):
            decide = lambda context: self.policies.decide(role, "kms:CreateGrant", arn, context)
            self.assertEqual(decide({"kms:GrantIsForAWSResource": "true"}), "allowed")
            self.assertEqual(decide({"kms:GrantIsForAWSResource": "false"}), "implicitDeny")
            self.assertEqual(decide({}), "implicitDeny")

    def test_a12_keys_of_a_central_account_and_buckets_under_a_key(self):
        central, ours = ("arn:aws:kms:eu-west-1:%s:key/k" % account for account in ("111111111111", "123456789012"))
        grant, via = {"kms:GrantIsForAWSResource": "true"}, lambda service: {"kms:ViaService": service + ".eu-west-1.amazonaws.com"}
        more = policy.Policies({"CentralKeyArns": central})
        wanted = [("FunctionRole", "kms:CreateGrant", grant), ("ServiceRole", "kms:CreateGrant", grant),
                  ("FunctionRole", "kms:ReEncryptFrom", via("rds")), ("ServiceRole", "kms:DescribeKey", via("rds"))]
        wanted += [(role, action, via("s3")) for role in ("FunctionRole", "TaskRole") for action in ("kms:Decrypt", "kms:GenerateDataKey")]
        wanted += [("TaskRole", "kms:Decrypt", via("secretsmanager"))]
        for role, action, context in wanted:
            with self.subTest(role=role, action=action):
                self.assertEqual(more.decide(role, action, central, context), "allowed")
                self.assertNotEqual(self.policies.decide(role, action, central, context), "allowed")
                self.assertEqual(self.policies.decide(role, action, ours, context), "allowed")
        for role, action in (("FunctionRole", "kms:CreateGrant"), ("ServiceRole", "kms:CreateGrant"), ("TaskRole", "kms:GenerateDataKey")):
            self.assertNotEqual(more.decide(role, action, central, via("ec2")), "allowed")

    def test_the_task_makes_no_stack_and_moves_no_name(self):
        for service, operation in (("cloudformation", "CreateStack"), ("cloudformation", "DeleteStack"),
                                   ("route53", "ChangeResourceRecordSets"), ("ecs", "RunTask")):
            call = example(service, operation, OPERATIONS[service][operation][0])
            self.assertNotEqual(self.policies.call({**call, "principal": "TaskRole"}), [], operation)
        for operation in ("ModifyDBInstance", "AddTagsToResource"):
            self.assertEqual(self.policies.call({"service": "rds", "operation": operation, "target": COPY, "principal": "TaskRole"}), [])
        # Where the name points is unknown to who may not look, and then nothing is done at all.
        for operation, target in (("ListHostedZonesByName", ""), ("ListResourceRecordSets", "zone:Z1EXAMPLE")):
            self.assertEqual(self.policies.call({"service": "route53", "operation": operation, "target": target, "principal": "TaskRole"}), [])

    def test_the_originals_copy_may_go_only_when_it_is_adopted(self):
        arn = "arn:aws:rds:eu-west-1:123456789012:db:shop-2026-11-23-0208"
        adopting = policy.Policies({"AdoptOriginal": "yes"})
        self.assertEqual(adopting.decide("ServiceRole", "rds:DeleteDBInstance", arn), "allowed")
        self.assertEqual(self.policies.decide("ServiceRole", "rds:DeleteDBInstance", arn), "explicitDeny")
        self.assertEqual(adopting.call({"service": "cloudformation", "operation": "DeleteStack", "target": "stack:shop-yesterdaytabase"}), [])

    def test_the_script_judges_lines_of_calls(self):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "policy.py")
        lines = "\n".join(json.dumps(one) for one in (example("rds", "DescribeDBInstances", ""), example("rds", "DeleteDBInstance", "db:shop")))
        result = subprocess.run([sys.executable, script], input=lines, capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertEqual(result.stdout, "line 2: FunctionRole: rds:DeleteDBInstance on arn:aws:rds:eu-west-1:123456789012:db:shop: explicitDeny\n"
                                        "2 calls, 1 not allowed\n")


class Serverless(unittest.TestCase):
    # What that way of deploying does not have: the task, SSM, copies of shared snapshots, permissions asked for in advance.
    LEFT_OUT = {"ecs", "ssm", "iam"}
    LEFT_OUT_OPERATIONS = {"CopyDBSnapshot", "CopyDBClusterSnapshot", "DeleteDBSnapshot", "DeleteDBClusterSnapshot"}

    @classmethod
    def setUpClass(cls):
        with open(SERVERLESS, encoding="utf-8") as file:
            text = file.read()
        values = {"param:db": "shop", "param:zone": "Z1EXAMPLE", "param:record": "shop-yesterday.example.com", "param:vpc": "vpc-1",
                  "param:subnets": "subnet-1", "param:class": "db.t4g.medium", "aws:region": "eu-west-1", "aws:accountId": "123456789012"}
        for name, value in values.items():
            text = text.replace("${" + name + "}", value)
        cls.service = yaml.load(text, cfn.Loader)
        template = {"Parameters": {}, "Conditions": {}, "Resources": dict(cls.service["resources"]["Resources"])}
        template["Resources"]["FunctionRole"] = {"Type": "AWS::IAM::Role", "Properties": {"Policies": [
            {"PolicyDocument": {"Statement": cls.service["provider"]["iam"]["role"]["statements"]}}]}}
        cls.policies = policy.Policies.__new__(policy.Policies)
        cls.policies.resolver = cfn.Resolver(template, {})
        cls.policies.resources = cls.policies.resolver.resources()
        cls.policies.region, cls.policies.account, cls.policies.partition = "eu-west-1", "123456789012", "aws"

    def test_heartbeat_and_schedule(self):
        events = [one["schedule"] for one in self.service["functions"]["refresh"]["events"]]
        self.assertEqual(events[0], {"rate": "rate(5 minutes)", "input": {"action": "tick"}})
        self.assertEqual(events[1]["rate"], "cron(0 11 * * ? *)")

    def test_environment_resolves(self):
        self.assertIn("YTB_CONFIG", self.policies.resolver.resolve(self.service["provider"]["environment"]))

    def test_calls(self):
        for service, operations in OPERATIONS.items():
            for operation, (ours, foreign) in operations.items():
                if service in self.LEFT_OUT or operation in self.LEFT_OUT_OPERATIONS:
                    continue
                ours = ours.replace("secret:yesterdaytabase/", "secret:yesterdaytabase-shop/")
                with self.subTest(service=service, operation=operation):
                    self.assertEqual(self.policies.call(example(service, operation, ours)), [])
                    if foreign is not None:
                        self.assertNotEqual(self.policies.call(example(service, operation, foreign)), [])

    def test_a05_stacks_make_what_they_make_with_template_yaml(self):
        name, group = COPY[3:], {"DBParameterGroupName": COPY[3:], "DBSubnetGroupName": "private"}
        made = [("RestoreDBInstanceFromDBSnapshot", COPY, {"DBInstanceClass": "db.t4g.medium", **group, "DBSnapshotIdentifier": one})
                for one in (SNAPSHOT[9:], "awsbackup:job-1", "shop-before-migration")]
        made += [("RestoreDBInstanceFromDBSnapshot", COPY, {"DBInstanceClass": "db.t4g.medium", **group, "DBClusterSnapshotIdentifier": "rds:shop-2026-11-23-02-08"})]
        made += [("RestoreDBClusterFromSnapshot", "cluster:" + name, {"SnapshotIdentifier": one, "DBClusterParameterGroupName": name,
                                                                     "DBSubnetGroupName": "private"})
                 for one in ("rds:shop-2026-11-23-02-08", "awsbackup:job-1", "shop-before-migration")]
        made += [("CreateDBInstance", COPY + "-w", {"DBInstanceClass": "db.t4g.medium", "DBClusterIdentifier": name, "DBParameterGroupName": name})]
        for operation, target, given in made:
            call = {"service": "rds", "operation": operation, "target": target, "input": given,
                    "principal": "cloudformation.amazonaws.com/" + STACK[6:]}
            with self.subTest(operation=operation, given=given):
                self.assertEqual(self.policies.call(call), [])
                self.assertEqual(policy.Policies().call(call), [])

    def test_hands_off_production(self):
        for role in ("FunctionRole", "ServiceRole"):
            for action in ("ModifyDBInstance", "DeleteDBInstance", "StopDBInstance"):
                arn = "arn:aws:rds:eu-west-1:123456789012:db:shop"
                self.assertEqual(self.policies.decide(role, "rds:" + action, arn), "explicitDeny")
            self.assertEqual(self.policies.decide(role, "rds:RestoreDBInstanceToPointInTime", "*"), "explicitDeny")


class Script(unittest.TestCase):
    def test_parameters_that_deploy_sh_gives_are_the_templates(self):
        with open(os.path.join(ROOT, "deploy", "aws", "deploy.sh"), encoding="utf-8") as file:
            given = set(re.findall(r'"([A-Z][A-Za-z]+)=\$', file.read()))
        self.assertGreater(len(given), 8)
        templates = (policy.TEMPLATE, policy.BASE, policy.PRODUCTION)
        self.assertLessEqual(given, {name for one in templates for name in cfn.load(one)["Parameters"]})

    def test_guide_explains_every_parameter(self):
        with open(os.path.join(ROOT, "docs", "guide-aws.md"), encoding="utf-8") as file:
            guide = file.read()
        for template in (policy.TEMPLATE, policy.BASE, policy.PRODUCTION):
            missing = [one for one in cfn.load(template)["Parameters"] if f"`{one}`" not in guide]
            self.assertEqual(missing, [], template)


if __name__ == "__main__":
    unittest.main()
