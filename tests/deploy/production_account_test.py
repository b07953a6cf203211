#!/usr/bin/env python3
"""deploy/aws/production-account.yaml: its function against an RDS that is as strict as the service's model and the role's policy."""
import contextlib
import datetime
import io
import json
import os
import sys
import types
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import botocore.loaders
import botocore.model
import botocore.validate
import cfn
import policy

PATH = os.path.join(policy.AWS, "production-account.yaml")
STAGING = "210987654321"
BUS = f"arn:aws:events:eu-west-1:{STAGING}:event-bus/yesterdaytabase"
GIVEN = {"Instances": "shop", "Clusters": "ledger", "StagingAccount": STAGING, "StagingBusArn": BUS, "AWS::StackName": "ytb-share"}
NOW = datetime.datetime(2026, 11, 22, 6, 30, tzinfo=datetime.timezone.utc)
HOUR = datetime.timedelta(hours=1)
SOURCE_KEY = "arn:aws:kms:eu-west-1:123456789012:key/of-the-database"


class Refused(Exception):
    pass


class Fake:
    """RDS and EventBridge. Calls are validated by the models, and allowed or not by the policy of the function's role."""

    def __init__(self, test, parameters):
        self.test, self.calls, self.events = test, [], []
        self.policies = policy.Policies({**GIVEN, **parameters}, PATH)
        self.models = {name: botocore.model.ServiceModel(botocore.loaders.create_loader().load_service_model(name, "service-2"))
                       for name in ("rds", "events")}
        self.snapshots = {"": {}, "Cluster": {}}
        self.accounts = {}  # by snapshot, those that may restore it
        self.page = 100

    @property
    def shared(self):
        return {name for name, accounts in self.accounts.items() if STAGING in accounts}

    def add(self, word, name, database, created, kind="automated", status="available", **more):
        arn = f"arn:aws:rds:eu-west-1:123456789012:{'cluster-' if word else ''}snapshot:{name}"
        self.snapshots[word][name] = {
            f"DB{word}SnapshotIdentifier": name, f"DB{word}SnapshotArn": arn, "SnapshotType": kind, "Status": status,
            "DBClusterIdentifier" if word else "DBInstanceIdentifier": database, "TagList": [],
            "StorageEncrypted" if word else "Encrypted": True, **more,
            **({"SnapshotCreateTime": created} if created else {})}
        return self.snapshots[word][name]

    def client(self, service):
        fake, known = self, {botocore.xform_name(name): name for name in self.models[service].operation_names}

        class Client:
            def __getattr__(self, method):
                return lambda **given: fake.call(service, known[method], given)
        return Client()

    def may(self, action, resource, tags=(), context=None):
        context = {**{f"aws:ResourceTag/{one['Key']}": one["Value"] for one in tags}, **(context or {})}
        decision = self.policies.decide("Role", action, resource, context)
        if decision != "allowed":
            raise Refused(f"{action} on {resource}: {decision}")

    def call(self, service, operation, given):
        shape = self.models[service].operation_model(operation).input_shape
        report = botocore.validate.ParamValidator().validate(given, shape)
        self.test.assertFalse(report.has_errors(), report.generate_report())
        self.calls.append((operation, given))
        if service == "events":
            for entry in given["Entries"]:
                self.may("events:PutEvents", entry["EventBusName"])
                self.events.append(entry)
            return {"FailedEntryCount": 0, "Entries": [{}]}
        word = "Cluster" if "Cluster" in operation else ""
        snapshots, identifier = self.snapshots[word], f"DB{word}SnapshotIdentifier"
        prefix = f"arn:aws:rds:eu-west-1:123456789012:{'cluster-' if word else ''}snapshot:"
        action = "rds:" + operation
        if operation.endswith("Snapshots"):
            self.may(action, "*")
            source = "DBClusterIdentifier" if word else "DBInstanceIdentifier"
            found = [one for one in snapshots.values() if one[source] == given[source]]
            at = int(given.get("Marker", "0"))
            more = {"Marker": str(at + self.page)} if at + self.page < len(found) else {}
            return {f"DB{word}Snapshots": [dict(one) for one in found[at:at + self.page]], **more}
        if operation.startswith("Copy"):
            target = given["Target" + identifier]
            self.may(action, given["Source" + identifier])
            self.may(action, prefix + target)
            self.may("rds:AddTagsToResource", prefix + target)
            self.test.assertNotIn(target, snapshots)
            self.test.assertLessEqual(len(target), 63 if word else 255)
            self.test.assertRegex(target, r"^[a-z](-?[a-z0-9])*$")
            original = next(one for one in snapshots.values() if one[f"DB{word}SnapshotArn"] == given["Source" + identifier])
            self.test.assertEqual(original["Status"], "available")
            source = original["DBClusterIdentifier" if word else "DBInstanceIdentifier"]
            # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CopyDBClusterSnapshot.html: KmsKeyId of a snapshot that is not
            # encrypted is an error; an instance's is encrypted by it. What is copied under a key is the caller's to use, through RDS.
            encrypted = original["StorageEncrypted" if word else "Encrypted"]
            if word and not encrypted and "KmsKeyId" in given:
                raise Refused("InvalidParameterCombination: KmsKeyId for an unencrypted snapshot")
            if encrypted and "KmsKeyId" not in given:
                raise Refused("a snapshot under the account's own key cannot be shared")
            through = {"kms:ViaService": "rds.eu-west-1.amazonaws.com", "kms:GrantIsForAWSResource": "true"}
            keys = {key for key in (original.get("KmsKeyId", SOURCE_KEY) if encrypted else None, given.get("KmsKeyId")) if key}
            for key in keys:
                for used in ("DescribeKey", "CreateGrant", "Decrypt", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo"):
                    self.may("kms:" + used, key.replace(":any:", ":kms:").replace(":Key", ":key/1"), context=through)
            # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html: 100 manual snapshots of each kind.
            if sum(one["SnapshotType"] == "manual" for one in snapshots.values()) >= 100:
                raise Refused("SnapshotQuotaExceeded")
            key = {"KmsKeyId": given["KmsKeyId"]} if "KmsKeyId" in given else {}
            more = {"SourceDBClusterSnapshotArn": given["Source" + identifier]} if word else {}
            self.add(word, target, source, None, "manual", "creating", TagList=given["Tags"],
                     **{"StorageEncrypted" if word else "Encrypted": bool(key)}, **key, **more)
            return {}
        snapshot = snapshots[given[identifier]]
        self.may(action, snapshot[f"DB{word}SnapshotArn"], snapshot["TagList"])
        if operation.startswith("Describe"):
            values = sorted(self.accounts.get(given[identifier], ()))
            return {f"DB{word}SnapshotAttributesResult": {f"DB{word}SnapshotAttributes": [{"AttributeName": "restore", "AttributeValues": values}]}}
        if operation.startswith("Modify"):
            self.test.assertEqual(snapshot["Status"], "available", "RDS shares no snapshot that is being made")
            self.test.assertEqual((given["AttributeName"], given.get("ValuesToAdd", [STAGING])), ("restore", [STAGING]))
            accounts = self.accounts.setdefault(given[identifier], set())
            accounts.update(given.get("ValuesToAdd", ()))
            accounts.difference_update(given.get("ValuesToRemove", ()))
            return {}
        self.test.assertTrue(operation.startswith("Delete"), operation)
        del snapshots[given[identifier]]
        return {}

    def finish(self, now):
        """The copies are complete. RDS says of a copied instance's snapshot when the original was made, of a cluster's not."""
        for word, snapshots in self.snapshots.items():
            for one in snapshots.values():
                if one["Status"] != "creating" or not one["TagList"]:
                    continue
                one.update(Status="available", SnapshotCreateTime=now)
                tag = next(tag["Value"] for tag in one["TagList"] if tag["Key"] == "yesterdaytabase:data-as-of")
                if not word:
                    one["OriginalSnapshotCreateTime"] = datetime.datetime.fromisoformat(tag.replace("Z", "+00:00"))


class ProductionAccount(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.template = cfn.load(PATH)

    def start(self, **parameters):
        self.fake = Fake(self, parameters)
        function = self.fake.policies.resources["Function"]["Properties"]
        for name, value in function["Environment"]["Variables"].items():
            os.environ[name] = str(value)
            self.addCleanup(os.environ.pop, name, None)
        self.code = types.ModuleType("index")
        exec(compile(function["Code"]["ZipFile"], "index.py", "exec"), self.code.__dict__)

    def run_it(self, now=NOW):
        out = io.StringIO()
        error = None
        with contextlib.redirect_stdout(out):
            try:
                self.code.run(self.fake.client("rds"), self.fake.client("events"), now)
            except RuntimeError as raised:
                error = str(raised)
        metrics = [json.loads(line) for line in out.getvalue().splitlines() if line.startswith("{")]
        self.assertEqual(len(metrics), 1)
        self.assertEqual(metrics[0]["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Yesterdaytabase")
        return metrics[0]["SharedSnapshotAgeHours"] * 3600, error

    def changes(self):
        changes = [(name, given) for name, given in self.fake.calls if not name.startswith("Describe")]
        self.fake.calls.clear()
        return changes

    def test_copies_shares_tells_and_expires(self):
        self.start()
        self.fake.add("", "rds:shop-2026-11-21-06-00", "shop", NOW - 24 * HOUR)
        self.fake.add("", "rds:shop-2026-11-22-06-00", "shop", NOW - HOUR / 2)
        self.fake.add("", "rds:shop-2026-11-22-06-29", "shop", None, status="creating")
        self.fake.add("Cluster", "rds:ledger-2026-11-22-05-00", "ledger", NOW - HOUR)
        self.fake.add("", "rds:crm-2026-11-22-06-10", "crm", NOW)
        age, error = self.run_it()
        self.assertIsNone(error)
        self.assertGreater(age, 26 * 3600, "nothing is shared yet")
        made = self.changes()
        self.assertEqual([name for name, _ in made], ["CopyDBSnapshot", "CopyDBClusterSnapshot"])
        self.assertEqual(made[0][1]["TargetDBSnapshotIdentifier"], "ytb-shop-20261122-060000")
        self.assertEqual(made[1][1]["TargetDBClusterSnapshotIdentifier"], "ytb-ledger-20261122-053000")
        self.assertEqual(made[0][1]["KmsKeyId"], self.fake.policies.resolver.attribute("Key", "Arn"))
        self.run_it()
        self.assertEqual(self.changes(), [], "they are being made")
        self.fake.finish(NOW + HOUR)
        age, error = self.run_it(NOW + HOUR)
        self.assertIsNone(error)
        self.assertEqual(age, 2 * 3600, "of the oldest of them")
        self.assertEqual(self.fake.shared, {"ytb-shop-20261122-060000", "ytb-ledger-20261122-053000"})
        self.assertEqual(json.loads(self.fake.events[0]["Detail"]), {
            "database": "shop", "snapshot": "arn:aws:rds:eu-west-1:123456789012:snapshot:ytb-shop-20261122-060000",
            "data_as_of": "2026-11-22T06:00:00Z"})
        self.assertEqual(json.loads(self.fake.events[1]["Detail"])["data_as_of"], "2026-11-22T05:30:00Z")
        self.changes()
        self.run_it(NOW + HOUR)
        self.assertEqual(self.changes(), [], "all is done")
        self.assertEqual(len(self.fake.events), 2, "told once")
        # Day after day: old ones go, the newest stays however old it is.
        for day in range(1, 6):
            self.fake.add("", f"rds:shop-day-{day}", "shop", NOW + 24 * HOUR * day)
            for _ in range(2):
                self.run_it(NOW + 24 * HOUR * day + HOUR)
                self.fake.finish(NOW + 24 * HOUR * day + HOUR)
            self.run_it(NOW + 24 * HOUR * day + 2 * HOUR)
        self.assertEqual(sorted(one for one in self.fake.snapshots[""] if one.startswith("ytb-")),
                         [f"ytb-shop-202611{day}-063000" for day in (25, 26, 27)])
        self.assertEqual([one for one in self.fake.snapshots["Cluster"] if one.startswith("ytb-")], ["ytb-ledger-20261122-053000"])

    def test_touches_nothing_that_it_did_not_tag(self):
        self.start(Clusters="")
        others = [self.fake.add("", "ytb-shop-20200101-000000", "shop", NOW - 1000 * HOUR, "manual"),
                  self.fake.add("", "before-migration", "shop", NOW - 900 * HOUR, "manual"),
                  self.fake.add("", "ytb-shop-20200102-000000", "shop", NOW - 800 * HOUR, "manual",
                                TagList=[{"Key": "yesterdaytabase:shared-by", "Value": "another-stack"}])]
        before = json.dumps(others, default=str)
        self.run_it()
        self.fake.finish(NOW)
        self.run_it()
        self.assertEqual(json.dumps([self.fake.snapshots[""][one["DBSnapshotIdentifier"]] for one in others], default=str), before)
        for _, given in self.changes():
            self.assertNotIn(given.get("DBSnapshotIdentifier"), [one["DBSnapshotIdentifier"] for one in others])

    def test_what_is_not_encrypted_is_copied_as_rds_lets_it(self):
        self.start()
        self.fake.add("", "rds:shop-1", "shop", NOW, Encrypted=False)
        self.fake.add("Cluster", "rds:ledger-1", "ledger", NOW, StorageEncrypted=False)
        _, error = self.run_it()
        self.assertIsNone(error)
        copies = dict(self.changes())
        self.assertIn("KmsKeyId", copies["CopyDBSnapshot"], "it is encrypted by it")
        self.assertNotIn("KmsKeyId", copies["CopyDBClusterSnapshot"])

    def test_an_old_snapshot_that_somebody_copied_is_not_the_newest(self):
        self.start(Instances="")
        self.fake.add("Cluster", "rds:ledger-1", "ledger", NOW - HOUR)
        arn = "arn:aws:rds:eu-west-1:123456789012:cluster-snapshot:rds:ledger-of-last-year"
        self.fake.add("Cluster", "kept-for-ever", "ledger", NOW, "manual", SourceDBClusterSnapshotArn=arn)
        self.run_it()
        self.assertTrue(self.changes()[0][1]["SourceDBClusterSnapshotIdentifier"].endswith("rds:ledger-1"))

    def test_copies_do_not_fill_the_accounts_quota(self):
        self.start(Clusters="")
        for index in range(91):
            self.fake.add("", f"by-hand-{index}", "crm", NOW, "manual")
        for index in range(60):  # by hand, every 20 minutes
            now = NOW + HOUR * index / 3
            self.fake.add("", f"rds:shop-{index}", "shop", now)
            for _ in range(2):
                _, error = self.run_it(now)
                self.assertIsNone(error)
                self.fake.finish(now)
        own = [one for one in self.fake.snapshots[""] if one.startswith("ytb-")]
        self.assertLessEqual(len(own), 9)
        self.assertGreaterEqual(len(self.fake.shared.intersection(own)), len(own) - 1)

    def test_one_copy_is_made_at_a_time(self):
        self.start(Clusters="")
        for index in range(3):
            self.fake.add("", f"rds:shop-{index}", "shop", NOW + HOUR * index)
            self.run_it()
        self.assertEqual([name for name, _ in self.changes()], ["CopyDBSnapshot"])

    def test_an_account_that_is_taken_off_has_no_share_any_more(self):
        self.start(Clusters="")
        for day in range(2):
            self.fake.add("", f"rds:shop-{day}", "shop", NOW + 24 * HOUR * day)
            self.run_it(NOW + 24 * HOUR * day)
            self.fake.finish(NOW + 24 * HOUR * day)
            self.run_it(NOW + 24 * HOUR * day)
        self.assertEqual(len(self.fake.shared), 2)
        for accounts in self.fake.accounts.values():
            accounts.add("999999999999")  # whose StagingAccount was before
        self.run_it(NOW + 25 * HOUR)
        self.assertEqual(set(map(tuple, self.fake.accounts.values())), {(STAGING,)})

    def test_two_stacks_for_one_database_say_so(self):
        self.start(Clusters="")
        self.fake.add("", "rds:shop-1", "shop", NOW)
        self.fake.add("", "ytb-shop-20261122-063000", "shop", NOW, "manual",
                      TagList=[{"Key": "yesterdaytabase:shared-by", "Value": "another-stack"}])
        age, error = self.run_it()
        self.assertIn("not of this stack (another-stack)", error)
        self.assertGreater(age, 26 * 3600)

    def test_what_carries_its_tag_and_not_its_name_is_not_its_own(self):
        self.start(Clusters="")
        tags = [{"Key": "yesterdaytabase:shared-by", "Value": "ytb-share"}]  # copied along with --copy-tags
        self.fake.add("", "before-migration", "shop", NOW - 900 * HOUR, "manual", TagList=tags)
        self.fake.add("", "rds:shop-1", "shop", NOW)
        self.run_it()
        self.fake.finish(NOW)
        self.run_it()
        self.assertIn("before-migration", self.fake.snapshots[""])
        self.assertNotIn("before-migration", self.fake.shared)

    def test_a_copy_that_failed_is_made_again(self):
        self.start(Clusters="")
        self.fake.add("", "rds:shop-1", "shop", NOW)
        self.run_it()
        self.fake.snapshots[""]["ytb-shop-20261122-063000"].update(Status="failed", SnapshotCreateTime=NOW)
        self.run_it()
        self.run_it()
        self.assertEqual([name for name, _ in self.changes()], ["CopyDBSnapshot", "DeleteDBSnapshot", "CopyDBSnapshot"])

    def test_one_database_does_not_hold_up_the_next(self):
        self.start(Instances="gone,shop", Clusters="")
        self.fake.add("", "rds:shop-1", "shop", NOW)
        listed = self.code.Kind.all_of

        def all_of(kind, database):
            if database == "gone":
                raise RuntimeError("there is no gone")
            return listed(kind, database)
        self.code.Kind.all_of = all_of
        age, error = self.run_it()
        self.assertEqual(error, "gone: there is no gone")
        self.assertGreater(age, 26 * 3600)
        self.assertEqual([name for name, _ in self.changes()], ["CopyDBSnapshot"])

    def test_reads_every_page(self):
        self.start(Clusters="")
        self.fake.page = 20
        for index in range(95):
            self.fake.add("", f"rds:shop-{index}", "shop", NOW - HOUR * index)
        self.run_it()
        self.assertEqual(self.changes()[0][1]["SourceDBSnapshotIdentifier"], "arn:aws:rds:eu-west-1:123456789012:snapshot:rds:shop-0")

    def test_long_names_are_shortened_and_stay_apart(self):
        self.start()
        one, other = ("a-cluster-whose-name-is-as-long-as-rds-lets-it-be-63-characters" + end for end in ("", "x"))
        names = {self.code.name_of(name, NOW) for name in (one, other)}
        self.assertEqual(len(names), 2)
        for name in names:
            self.assertLessEqual(len(name), 63)
            self.assertRegex(name, r"^ytb-a-cluster-.*-[0-9a-f]{8}-20261122-063000$")

    def test_rules_of_templates_use_what_cloudformation_allows_in_rules(self):
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-rules.html
        allowed = {"Fn::" + one for one in ("And", "Contains", "EachMemberEquals", "EachMemberIn", "Equals", "Not", "Or", "RefAll", "ValueOf",
                                            "ValueOfAll")} | {"Ref"}

        def functions(value):
            name, argument = cfn.function_of(value)
            inner = [argument] if name else list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
            return {name} - {None} | {one for each in inner for one in functions(each)}
        self.assertEqual(functions({"a": [{"Fn::Join": ["", {"Ref": "b"}]}]}), {"Fn::Join", "Ref"})
        for name in os.listdir(policy.AWS):
            if name.endswith(".yaml"):
                self.assertLessEqual(functions(cfn.load(os.path.join(policy.AWS, name)).get("Rules", {})), allowed, name)

    def test_tells_nobody_without_a_bus(self):
        self.start(StagingBusArn="", Clusters="")
        self.fake.add("", "rds:shop-1", "shop", NOW)
        self.run_it()
        self.fake.finish(NOW)
        self.run_it()
        self.assertEqual(self.fake.events, [])
        self.assertEqual(self.fake.shared, {"ytb-shop-20261122-063000"})

    def test_key_lets_staging_use_it_and_nothing_more(self):
        for partition in ("aws", "aws-us-gov"):
            key = cfn.Resolver(self.template, {**GIVEN, "AWS::Partition": partition}).resources()["Key"]["Properties"]["KeyPolicy"]["Statement"]
            staging = [one for one in key if STAGING in one["Principal"]["AWS"]]
            self.assertEqual({one["Principal"]["AWS"] for one in staging}, {f"arn:{partition}:iam::{STAGING}:root"})
            self.assertEqual({action for one in staging for action in policy.as_list(one["Action"])},
                             {"kms:DescribeKey", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant"})
            through = {"kms:ViaService": "rds.*.amazonaws.com"}
            for one in staging:
                if one["Action"] == "kms:DescribeKey":
                    self.assertNotIn("Condition", one)
                else:
                    self.assertEqual(one["Condition"]["StringLike"], through, one["Sid"])
            grant = next(one for one in staging if one["Action"] == "kms:CreateGrant")
            self.assertEqual(grant["Condition"]["Bool"], {"kms:GrantIsForAWSResource": "true"})

    def test_hears_of_snapshots_and_rings_when_none_came_for_26_hours(self):
        resources = cfn.Resolver(self.template, GIVEN).resources()
        pattern = resources["SnapshotEvents"]["Properties"]["EventPattern"]
        self.assertEqual(pattern["detail"]["EventID"], ["RDS-EVENT-0091", "RDS-EVENT-0042", "RDS-EVENT-0169", "RDS-EVENT-0075"])
        alarm = resources["NoneCameAlarm"]["Properties"]
        self.assertEqual((alarm["Threshold"], alarm["TreatMissingData"]), (26, "breaching"))
        self.assertEqual(alarm["Dimensions"], [{"Name": "Stack", "Value": "ytb-share"}])

    def test_stagings_bus_takes_events_of_that_account_and_source_alone(self):
        for path in (policy.TEMPLATE, policy.BASE):
            silent = policy.Policies(None, path)
            self.assertNotIn("ProductionBus", silent.resources)
            staging = policy.Policies({"ProductionAccount": "123456789012", "AWS::AccountId": STAGING}, path)
            allowed = staging.resources["ProductionMayTell"]["Properties"]["Statement"]
            self.assertEqual(allowed["Principal"], {"AWS": "arn:aws:iam::123456789012:root"})
            self.assertEqual(allowed["Condition"], {"StringEquals": {"events:source": "yesterdaytabase.production"}})
            rule = staging.resources["ProductionTold"]["Properties"]
            self.assertEqual(rule["EventPattern"], {"source": ["yesterdaytabase.production"], "account": ["123456789012"]})
            self.assertEqual(json.loads(rule["Targets"][0]["Input"]), {"action": "tick"})
            self.assertIn("ProductionBusArn", staging.resolver.outputs())

    def test_production_is_denied(self):
        policies = policy.Policies(GIVEN, PATH)
        region = "arn:aws:rds:eu-west-1:123456789012:"
        for action in ("ModifyDBInstance", "DeleteDBInstance", "StopDBInstance"):
            self.assertEqual(policies.decide("Role", "rds:" + action, region + "db:shop"), "explicitDeny")
        for name in ("rds:shop-2026-11-22-06-00", "before-migration"):
            self.assertEqual(policies.decide("Role", "rds:DeleteDBSnapshot", region + "snapshot:" + name), "explicitDeny")
        self.assertEqual(policies.decide("Role", "rds:DeleteDBSnapshot", region + "snapshot:ytb-shop-1"), "implicitDeny", "without its tag")


if __name__ == "__main__":
    unittest.main()
