#!/usr/bin/env python3
"""deploy/aws/base.yaml and production.yaml: several productions behind one function, none of which can touch another's."""
import itertools
import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cfn
import policy
from template_test import (INLINE_CHARACTERS_MAX, MANAGED_CHARACTERS_MAX, OPERATIONS, PARTITIONS, TEMPLATE_BYTES_MAX, documents_of,
                           example)

ACCOUNT = "123456789012"
OWNER = "210987654321"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ytb:1"
SHOP = {"Production": "shop", "DbName": "shop"}
# Names that begin alike are the hardest to keep apart.
CRM = {"Production": "shop-eu", "DbName": "crm", "HostedZoneId": "Z1EXAMPLE", "RecordName": "crm-yesterday.example.com"}


def arn(service, rest):
    return f"arn:aws:{service}:eu-west-1:{ACCOUNT}:{rest}"


class Templates(unittest.TestCase):
    def setUp(self):
        self.templates = {path: cfn.load(path) for path in (policy.BASE, policy.PRODUCTION)}

    def test_are_small_enough_to_come_through_a_bucket(self):
        for path in self.templates:
            self.assertLess(os.path.getsize(path), TEMPLATE_BYTES_MAX)

    def test_every_name_resolves_with_every_choice(self):
        base = {"Network": ["existing-nat", "endpoints", "outside-vpc"], "ImageUri": ["", IMAGE], "CodeBucket": ["", "code"],
                "Secrets": ["create", "existing"], "ExistingBucket": ["", "kept"], "AlarmEmail": ["", "somebody@example.com"],
                "ConfigReference": ["bucket", "s3://kept/config/other.yaml"]}
        rarer = {"RouteTableIds": "rtb-1", "Route53EndpointService": "com.amazonaws.route53"}
        given = {name: value for name, value in policy.DEFAULTS.items() if name in self.templates[policy.BASE]["Parameters"]}
        for values in itertools.product(*base.values()):
            chosen = {**dict(zip(base, values)), **(rarer if values[0] == "endpoints" else {})}
            with self.subTest(chosen):
                resolver = cfn.Resolver(self.templates[policy.BASE], {**given, **chosen})
                resolver.resources()
                resolver.outputs()
        production = {"ImageUri": ["", IMAGE], "Secrets": ["create", "existing"], "AdoptOriginal": ["no", "yes"],
                      "SnapshotOwners": ["", "210987654321"], "ProductionResourceIds": ["", "db-A,cluster-B"]}
        one = policy.Production()
        given = {name: one.resolver.values[name] for name in one.resolver.template["Parameters"]}
        for values in itertools.product(*production.values()):
            with self.subTest(values):
                resolver = cfn.Resolver(one.resolver.template, {**given, **dict(zip(production, values))}, one.base.resolver.exports())
                resolver.resources()
                resolver.outputs()

    def test_nothing_is_declared_that_nobody_uses(self):
        for path, template in self.templates.items():
            text = json.dumps({key: template[key] for key in ("Conditions", "Resources", "Outputs")})
            for name in template["Parameters"]:
                self.assertRegex(text, r'"Ref": "%s"|\$\{%s\}' % (name, name), path)
            for name in template["Conditions"]:
                self.assertRegex(text, r'"Condition": "%s"|"Fn::If": \["%s"' % (name, name), path)
            grouped = [one for group in template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
                       for one in group["Parameters"]]
            self.assertEqual(sorted(grouped), sorted(template["Parameters"]), path)

    def test_what_production_imports_is_exported_and_nothing_else_is(self):
        with open(policy.PRODUCTION, encoding="utf-8") as file:
            imported = set(re.findall(r'\$\{Base\}-(\w+)"\}', file.read()))
        exported = {name for name, one in self.templates[policy.BASE]["Outputs"].items() if "Export" in one}
        self.assertEqual(imported, exported)

    def test_secrets_evidence_and_the_service_role_outlive_their_stacks(self):
        for path, kept in ((policy.BASE, ["SigningKey", "Bucket"]),
                           (policy.PRODUCTION, ["MaskingKey", "StagingPassword", "ServiceRole", "HandsOffProduction"])):
            for name in kept:
                self.assertEqual(self.templates[path]["Resources"][name]["DeletionPolicy"], "RetainExceptOnCreate", name)
                self.assertEqual(self.templates[path]["Resources"][name]["UpdateReplacePolicy"], "Retain", name)

    def test_policies_are_within_iams_limits_with_long_names(self):
        longest = {"Base": "b" * 60, "DbName": "d" * 63, "Production": "p" * 25, "RecordName": "r" * 63 + ".example.com",
                   "AdoptOriginal": "yes", "ImageUri": IMAGE, "SnapshotOwners": "210987654321",
                   "FurtherSnapshots": ",".join(["arn:aws:rds:eu-west-1:123456789012:snapshot:" + "s" * 60] * 3),
                   "SharedSnapshotKeyArn": "arn:aws:kms:eu-west-1:210987654321:key/" + "0" * 36,
                   "ProductionResourceIds": ",".join(["cluster-" + "A" * 26] * 10)}
        for place in PARTITIONS.values():
            base = policy.Policies({**place, "AWS::StackName": "b" * 60, "ExistingBucket": "k" * 63}, policy.BASE)
            production = policy.Policies({**longest, **place, "AWS::StackName": "s" * 64}, policy.PRODUCTION, base.resolver.exports())
            for resources in (base.resources, production.resources):
                for name, resource in resources.items():
                    size = sum(len(json.dumps(one, separators=(",", ":"))) for one in documents_of(resource))
                    limit = MANAGED_CHARACTERS_MAX if resource["Type"] == "AWS::IAM::ManagedPolicy" else INLINE_CHARACTERS_MAX
                    self.assertLess(size, limit, name)

    def test_names_that_another_productions_copies_could_have_are_refused(self):
        for path in (policy.PRODUCTION, policy.TEMPLATE):
            declared = cfn.load(path)["Parameters"]["Production"]
            self.assertEqual(declared["MaxLength"], 25)
            for good in ("shop", "shop-eu", "sanitized-shop", "shop-yester", "due-shop", "turnstile"):
                self.assertIsNotNone(re.fullmatch(declared["AllowedPattern"], good), good)
            for bad in ("due", "turns", "yesterday", "yesterdaytabase", "shop-yesterday", "shop-yesterday-eu", "shop-sanitized", "a-sanitized-b", "Shop", "shop-", "1shop"):
                self.assertIsNone(re.fullmatch(declared["AllowedPattern"], bad), bad)

    def test_rights_are_those_of_the_deployment_in_one_stack(self):
        # What one of the two allows or denies and the other does not is meant to be here.
        differs = {"CopyPolicy": {"Record", "Secrets", "ReadThePolicy"},
                   "ControlPolicy": {"AskWhatWouldBeAllowed"},
                   "ServiceRole": {"OutOfSnapshots", "OutOfManualSnapshots", "OutOfTaggedSnapshots"}}
        ours, whole = policy.Production({"ImageUri": IMAGE}), policy.Policies({"AWS::StackName": "yesterdaytabase-shop"})
        for name in ("HandsOffProduction", "CopyPolicy", "ControlPolicy", "TaskPolicy", "ServiceRole", "TaskExecutionRole"):
            statements = [{one["Sid"]: one for document in documents_of(each.resources[name]) for one in document["Statement"]}
                          for each in (ours, whole)]
            changed = {sid for sid in {**statements[0], **statements[1]} if statements[0].get(sid) != statements[1].get(sid)}
            self.assertEqual(changed, differs.get(name, set()), name)


class TheFunctionItself(unittest.TestCase):
    """As long as it is nobody's role."""

    @classmethod
    def setUpClass(cls):
        cls.production = policy.Production()
        cls.base = cls.production.base

    def may(self, action, resource):
        return self.base.decide("FunctionRole", action, resource) == "allowed"

    def test_it_may_become_a_productions_role_and_no_other(self):
        role = self.production.resolver.attribute("ProductionRole", "Arn")
        self.assertTrue(self.may("sts:AssumeRole", role))
        for other in ("role/Admin", "role/another-base/ProductionRole", "role/ServiceRole"):
            self.assertFalse(self.may("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:{other}"))
        trusted = self.production.resources["ProductionRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        self.assertEqual(trusted, [{"Effect": "Allow", "Principal": {"AWS": self.base.resolver.attribute("FunctionRole", "Arn")},
                                    "Action": "sts:AssumeRole"}])

    def test_it_may_read_the_config_and_keep_in_mind_what_is_due(self):
        bucket = "arn:aws:s3:::bucket-id/"
        self.assertTrue(self.may("s3:GetObject", bucket + "config/yesterdaytabase.yaml"))
        self.assertFalse(self.may("s3:PutObject", bucket + "config/yesterdaytabase.yaml"))
        for key in ("yesterdaytabase/due/shop/1.json", "yesterdaytabase/turns/shop.json"):
            for action in ("GetObject", "PutObject", "DeleteObject"):
                self.assertTrue(self.may("s3:" + action, bucket + key))
        self.assertFalse(self.may("s3:GetObject", bucket + "yesterdaytabase/shop/attempts.json"))

    def test_it_may_do_nothing_else(self):
        for service, operations in OPERATIONS.items():
            for operation, (ours, _) in operations.items():
                if service in ("sts", "s3") or operation == "DescribeSubnets":  # Lambda looks at the function's own
                    continue
                with self.subTest(service=service, operation=operation):
                    self.assertNotEqual(self.base.call(example(service, operation, ours)), [])
        actions = {action for document in documents_of(self.base.resources["FunctionRole"]) for one in document["Statement"]
                   if one["Effect"] == "Allow" for action in policy.as_list(one["Action"])}
        self.assertEqual({action.split(":")[0] for action in actions}, {"sts", "s3", "kms", "logs", "ec2"})


class Productions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        owners = {"SnapshotOwners": OWNER, "FurtherSnapshots": arn("rds", "snapshot:before-shop-moved"), "ImageUri": IMAGE}
        cls.shop = policy.Production({**SHOP, **owners}, role_prefix="shop-")
        cls.crm = policy.Production({**CRM, **owners}, role_prefix="crm-")

    def test_every_call_of_ours_is_allowed_on_what_is_ours_and_on_nothing_else(self):
        named = {"task-definition:yesterdaytabase": "task-definition:yesterdaytabase-shop", "secret:yesterdaytabase/": "secret:yesterdaytabase-shop/",
                 "parameter:/yesterdaytabase/": "parameter:/yesterdaytabase-shop/"}
        for service, operations in OPERATIONS.items():
            for operation, (ours, foreign) in operations.items():
                with self.subTest(service=service, operation=operation):
                    for before, after in named.items():
                        ours = after + ours[len(before):] if ours.startswith(before) else ours
                    if service == "iam":
                        ours = self.shop.resolver.attribute("ProductionRole", "Arn")
                    if service == "s3":
                        ours = ours.replace("bucket:bucket-id/", "bucket:bucket-id/yesterdaytabase/shop/")
                    self.assertEqual(self.shop.call(example(service, operation, ours)), [])
                    if foreign is not None:
                        self.assertNotEqual(self.shop.call(example(service, operation, foreign)), [], foreign)

    def test_none_may_do_anything_to_anothers(self):
        crm_copy, crm_stack = "shop-eu-yesterday-20261123-020842-1", "stack/shop-eu-yesterday-20261123-020842-1/0"
        theirs = [
            *[(action, arn("rds", f"{kind}:{crm_copy}")) for kind, actions in (
                ("db", ["ModifyDBInstance", "DeleteDBInstance", "RebootDBInstance", "AddTagsToResource", "RemoveTagsFromResource",
                        "RestoreDBInstanceFromDBSnapshot", "CreateDBInstance", "StopDBInstance"]),
                ("cluster", ["ModifyDBCluster", "DeleteDBCluster", "RestoreDBClusterFromSnapshot", "AddTagsToResource"]),
                ("pg", ["ModifyDBParameterGroup", "DeleteDBParameterGroup"]),
                ("snapshot", ["DeleteDBSnapshot", "CopyDBSnapshot", "RestoreDBInstanceFromDBSnapshot", "ModifyDBSnapshotAttribute"]),
                ("cluster-snapshot", ["DeleteDBClusterSnapshot", "RestoreDBClusterFromSnapshot"])) for action in
                ("rds:" + one for one in actions)],
            *[("rds:RestoreDBInstanceFromDBSnapshot", arn("rds", "snapshot:" + one)) for one in
              ("rds:crm-2026-11-23-02-08", "rds:shop-eu-2026-11-23-02-08", "awsbackup:job-1", "crm-by-hand", "shop-eu-by-hand")],
            *[("rds:RestoreDBClusterFromSnapshot", arn("rds", "cluster-snapshot:" + one)) for one in
              ("rds:crm-2026-11-23-02-08", "awsbackup:job-1", "shop-eu-by-hand")],
            *[("rds:Copy" + kind, f"arn:aws:rds:eu-west-1:{OWNER}:{word}snapshot:{name}")
              for kind, word in (("DBSnapshot", ""), ("DBClusterSnapshot", "cluster-"))
              for name in ("ytb-crm-20261123-020842", "ytb-shop-eu-20261123-020842", "ytb-shop-20-20261123-020842", "ytb-shop", "by-hand")],
            *[("cloudformation:" + one, arn("cloudformation", crm_stack)) for one in
              ("CreateStack", "UpdateStack", "DeleteStack", "ContinueUpdateRollback", "DescribeStackEvents", "GetTemplate")],
            ("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:yesterdaytabase-shop-eu/masking-key-AbCdEf")),
            ("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:yesterdaytabase-shop-eu/staging-password-AbCdEf")),
            ("ssm:GetParameter", arn("ssm", "parameter/yesterdaytabase-shop-eu/x")),
            *[("s3:" + one, "arn:aws:s3:::bucket-id/yesterdaytabase/" + key) for one in ("GetObject", "PutObject", "DeleteObject")
              for key in ("shop-eu/attempts.json", "shop-eu/instances/db-A/proof.json", "due/shop-eu/1.json", "turns/shop-eu.json")],
            ("s3:PutObject", "arn:aws:s3:::bucket-id/config/yesterdaytabase.yaml"),
            ("ecs:RunTask", arn("ecs", "task-definition/yesterdaytabase-shop-eu:1")),
            *[("ecs:" + one, arn("ecs", f"task/{self.crm.resolver.values['AWS::StackName']}-cluster/abc")) for one in
              ("StopTask", "DescribeTasks")],
            *[("iam:PassRole", self.crm.resolver.attribute(one, "Arn")) for one in ("ServiceRole", "TaskRole", "TaskExecutionRole")],
            ("sts:AssumeRole", self.crm.resolver.attribute("ProductionRole", "Arn")),
            ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/yesterdaytabase/ProductionRole"),
            ("rds-db:connect", arn("rds-db", "dbuser:db-COPY/master")),
        ]
        context = {"aws:ResourceTag/yesterdaytabase:production": "shop-eu", "aws:ResourceTag/yesterdaytabase:database": "crm",
                   "aws:ResourceAccount": OWNER, "iam:PassedToService": "cloudformation.amazonaws.com", "cloudformation:RoleArn": self.shop.resolver.attribute("ServiceRole", "Arn"), "rds:DatabaseClass": "db.t4g.medium"}
        for role in ("ProductionRole", "ServiceRole", "TaskRole"):
            for action, resource in theirs:
                with self.subTest(role=role, action=action, resource=resource):
                    self.assertNotEqual(self.shop.decide(role, action, resource, context), "allowed")
        # The same zone, another record.
        change = example("route53", "ChangeResourceRecordSets", "zone:Z1EXAMPLE crm-yesterday.example.com")
        change["input"] = {"ChangeBatch": {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": {
            "Name": "crm-yesterday.example.com.", "Type": "CNAME"}}]}}
        self.assertNotEqual(self.shop.call(change), [])
        self.assertEqual(self.crm.call(change), [])

    def test_what_says_that_it_is_of_the_database_may_be_restored(self):
        def may(role, action, resource, **context):
            return self.shop.decide(role, action, resource, {"aws:" + name: value for name, value in context.items()}) == "allowed"
        tagged = {"ResourceTag/yesterdaytabase:database": "shop"}
        for kind, action in (("snapshot:", "rds:RestoreDBInstanceFromDBSnapshot"), ("cluster-snapshot:", "rds:RestoreDBClusterFromSnapshot")):
            self.assertTrue(may("ServiceRole", action, arn("rds", kind + "rds:shop-2026-11-23-02-08")))
            for name in ("awsbackup:job-1", "shop-by-hand", "by-hand"):
                self.assertTrue(may("ServiceRole", action, arn("rds", kind + name), **tagged), name)
                self.assertFalse(may("ServiceRole", action, arn("rds", kind + name)), name)
        self.assertTrue(may("ServiceRole", "rds:RestoreDBInstanceFromDBSnapshot", arn("rds", "snapshot:before-shop-moved")))
        for operation, kind in (("CopyDBSnapshot", "snapshot"), ("CopyDBClusterSnapshot", "cluster-snapshot")):
            shared = f":rds:eu-west-1:{OWNER}:{kind}:ytb-shop-20261123-020842"
            self.assertTrue(may("ProductionRole", "rds:" + operation, "arn:aws" + shared, ResourceAccount=OWNER))
            stranger = shared.replace(OWNER, "666666666666")
            self.assertFalse(may("ProductionRole", "rds:" + operation, "arn:aws" + stranger, ResourceAccount="666666666666"))

    def test_what_it_may_do_to_its_own_another_may_not(self):
        # The other way round: whatever is allowed to one of them by name is not allowed to the other.
        for ours, other in ((self.shop, self.crm), (self.crm, self.shop)):
            own = ours.resolver.values["Production"] + "-yesterday-"
            for role in ("ProductionRole", "ServiceRole", "TaskRole"):
                for statement in ours.statements(role):
                    if statement["Effect"] != "Allow":
                        continue
                    for resource in policy.as_list(statement["Resource"]):
                        if own not in resource:
                            continue
                        name = resource.replace("*", "x")
                        tagged = {"aws:ResourceTag/yesterdaytabase:production": ours.resolver.values["Production"]}
                        for action in policy.as_list(statement["Action"]):
                            for theirs in ("ProductionRole", "ServiceRole", "TaskRole"):
                                self.assertNotEqual(other.decide(theirs, action.replace("*", "x"), name, tagged), "allowed", (theirs, action, name))

    def test_schedule_names_its_production_and_alarms_count_it_alone(self):
        resources = self.crm.resources
        self.assertEqual(json.loads(resources["DueSchedule"]["Properties"]["Target"]["Input"]), {"action": "update", "production": "shop-eu"})
        for name in ("StaleMetric", "OverdueMetric"):
            self.assertIn('$.production = "shop-eu"', resources[name]["Properties"]["FilterPattern"])
        self.assertNotEqual(resources["StaleAlarm"]["Properties"]["MetricName"], self.shop.resources["StaleAlarm"]["Properties"]["MetricName"])


if __name__ == "__main__":
    unittest.main()
