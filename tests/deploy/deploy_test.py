#!/usr/bin/env python3
"""deploy/aws/deploy.sh against an aws, curl and docker that only write down what they were told."""
import json
import os
import stat
import subprocess
import tempfile
import unittest
import zipfile

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
ARGUMENTS = ["--bucket", "code", "--db", "Shop", "--zone", "Z1", "--record", "shop-yesterday.example.com", "--vpc", "vpc-1",
             "--subnets", "subnet-1,subnet-2"]
AWS = """#!/bin/sh
printf 'aws' >>"$LOG"; for word in "$@"; do printf ' [%s]' "$word" >>"$LOG"; done; echo >>"$LOG"
case "$*" in
  *get-caller-identity*) echo 123456789012 ;;
  *get-bucket-location*) echo "$BUCKET_REGION" ;;
  *BucketName*) echo shop-evidence ;;
  *get-login-password*) echo a-password-that-nobody-sees ;;
esac
"""
CURL = """#!/bin/sh
printf 'curl %s\\n' "$*" >>"$LOG"
while [ "$1" != -o ]; do shift; done
printf -- '-----BEGIN CERTIFICATE-----\\nx\\n-----END CERTIFICATE-----\\n' >"$2"
"""
DOCKER = """#!/bin/sh
printf 'docker %s\\n' "$*" >>"$LOG"
[ "$1" != login ] || cat >/dev/null
"""


class Deploy(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.log = os.path.join(self.folder.name, "log")
        self.stubs = os.path.join(self.folder.name, "bin")
        os.mkdir(self.stubs)
        for name, text in (("aws", AWS), ("curl", CURL), ("docker", DOCKER)):
            self.stub(name, text)

    def stub(self, name, text):
        path = os.path.join(self.stubs, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, stat.S_IRWXU)

    def run_it(self, *arguments, path=None, **environment):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        variables = {**kept, "PATH": path or f"{self.stubs}:{os.environ['PATH']}", "LOG": self.log, "BUCKET_REGION": "eu-west-1",
                     **environment}
        return subprocess.run([os.path.join(ROOT, "deploy", "aws", "deploy.sh"), *arguments], env=variables, text=True,
                              capture_output=True, check=False)

    def called(self):
        if not os.path.exists(self.log):
            return []
        with open(self.log, encoding="utf-8") as file:
            return file.read().splitlines()

    def test_dry_run_says_every_command_and_runs_none(self):
        result = self.run_it(*ARGUMENTS, "--dry-run", "--region", "eu-west-1", "--image", "1.dkr.ecr.eu-west-1.amazonaws.com/ytb",
                             "--upload", os.path.join(ROOT, "README.md"), "--parameter", 'SourceConfiguration={"config":{"a":"b c"}}')
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.called(), [])
        self.assertIn("This will, in account ACCOUNT, region eu-west-1:", result.stdout)
        for part in ("+ tools/lambda-zip", "+ aws s3 cp", "+ docker build", "docker login", "+ docker push", "+ aws cloudformation deploy",
                     "Production=shop", "DbName=shop", r"SourceConfiguration=\{\"config\":\{\"a\":\"b\ c\"\}\}", "/config/README.md"):
            self.assertIn(part, result.stderr)

    def test_deploys(self):
        result = self.run_it(*ARGUMENTS, "--region", "eu-west-1", "--upload", os.path.join(ROOT, "README.md"))
        self.assertEqual(result.returncode, 0, result.stderr)
        called = self.called()
        upload = next(one for one in called if "[s3] [cp]" in one and "yesterdaytabase.zip" in one)
        key = upload.split("[s3://code/")[1].rstrip("]")
        self.assertRegex(key, r"^yesterdaytabase/[0-9a-f]{16}-(x86_64|arm64)\.zip$")
        deploy = next(one for one in called if "[cloudformation] [deploy]" in one)
        for part in (f"[CodeKey={key}]", "[--stack-name] [yesterdaytabase-shop]", "[--capabilities] [CAPABILITY_IAM]",
                     "[Subnets=subnet-1,subnet-2]", "[--s3-bucket] [code]"):
            self.assertIn(part, deploy)
        self.assertNotIn("ImageUri", deploy)
        self.assertLess(called.index(upload), called.index(deploy))
        self.assertTrue(any("[s3://shop-evidence/config/README.md]" in one for one in called), called)

    def test_image(self):
        image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ytb"
        result = self.run_it(*ARGUMENTS, "--region", "eu-west-1", "--image", image)
        self.assertEqual(result.returncode, 0, result.stderr)
        pushed = next(one for one in self.called() if one.startswith("docker push ")).split(" ")[2]
        self.assertIn(f"[ImageUri={pushed}]", "\n".join(self.called()))
        self.assertNotIn("a-password-that-nobody-sees", "\n".join(self.called()) + result.stdout + result.stderr)
        result = self.run_it(*ARGUMENTS, "--region", "eu-west-1", "--image", "docker.io/me/ytb")
        self.assertEqual(result.returncode, 1)
        self.assertIn("is no ECR repository of eu-west-1", result.stderr)

    def test_bucket_elsewhere(self):
        result = self.run_it(*ARGUMENTS, "--region", "eu-west-1", BUCKET_REGION="None")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr, "deploy: the bucket code is in us-east-1, and eu-west-1 is deployed to: Lambda reads code of its "
                                        "own region\nhint: another --bucket, or --region us-east-1\n")
        self.assertFalse(any("deploy" in one for one in self.called()))

    def test_without_aws(self):
        bare = os.path.join(self.folder.name, "bare")
        os.mkdir(bare)
        for tool in ("bash", "uname", "dirname", "env"):
            os.symlink(f"/usr/bin/{tool}", os.path.join(bare, tool))
        result = self.run_it(*ARGUMENTS, "--region", "eu-west-1", path=bare)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("the AWS command line is not installed", result.stderr)

    def test_wrong_arguments(self):
        for arguments, message in ((["--bucket", "code"], "--db is missing"), (["--bukcet", "code"], "there is no option '--bukcet'"),
                                   (["--bucket"], "--bucket needs a value"), ([*ARGUMENTS, "--parameter", "x"], "'x' is no NAME=VALUE"),
                                   ([*ARGUMENTS, "--upload", "/nowhere"], "/nowhere is not there"),
                                   ([*ARGUMENTS, "--stack", "s" * 65], "more than 64 characters"),
                                   ([*ARGUMENTS, "--production", "1shop"], "'1shop' is not a name for copies"),
                                   ([*ARGUMENTS, "--parameter", "Network=endpoints"], "Network=endpoints without RouteTableIds")):
            with self.subTest(message):
                result = self.run_it(*arguments)
                self.assertEqual(result.returncode, 2)
                self.assertIn(message, result.stderr)
        self.assertEqual(self.called(), [])

    def test_a14_a_long_name_is_shortened_as_copies_names_are(self):
        # As rds::name_prefix() has them.
        for name, short in (("shop" * 6 + "s", "shop" * 6 + "s"),
                            ("a-production-with-quite-a-long-name", "a-production-wit-73e544dd"),
                            ("shop--main", "shop-main-73573638")):
            result = self.run_it(*ARGUMENTS, "--production", name, "--dry-run", "--region", "eu-west-1", "--parameter", "Network=endpoints",
                                 "--parameter", "RouteTableIds=")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn(f"Production={short} ", result.stderr)
            self.assertIn(f"--stack-name yesterdaytabase-{short} ", result.stderr)

    def config_json(self, **changed):
        config = {"domain": "mysite.com", "db": {"name": "Shop", "security_group": "sg-1", "subnet_group": "private"}, **changed}
        path = os.path.join(self.folder.name, "config.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({name: value for name, value in config.items() if value is not None}, file)
        return path

    BARE = ["--bucket", "code", "--zone", "Z1", "--vpc", "vpc-1", "--subnets", "subnet-1", "--region", "eu-west-1"]

    def test_a13_a_config_json_is_packed(self):
        path = self.config_json()
        result = self.run_it(*self.BARE, "--config-json", path)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("the database Shop, in the zone mysite.com; copies are called shop-yesterday-", result.stdout)
        deploy = next(one for one in self.called() if "[cloudformation] [deploy]" in one)
        for part in ("[DbName=shop]", "[Production=shop]", "[RecordName=shop-yesterday.mysite.com]", "[ConfigReference=none]",
                     "[SourceConfiguration={}]", "[--stack-name] [yesterdaytabase-shop]"):
            self.assertIn(part, deploy)
        with zipfile.ZipFile(os.path.join(ROOT, "build", "lambda", "yesterdaytabase.zip")) as archive, open(path, "rb") as file:
            self.assertEqual(archive.read("config.json"), file.read())

    def test_a13_what_the_program_would_not_take_is_not_uploaded(self):
        for changed, message in (({"domian": "x"}, "config.json: config has the unknown key 'domian' (did you mean 'domain'?)"),
                                 ({"db": {"name": "shop", "security_group": "sg-1"}}, "'subnet_group'"),
                                 ({"db": {"name": "shop", "security_group": "{{resolve:ssm:x}}", "subnet_group": "a"}}, "security_group")):
            with self.subTest(message):
                result = self.run_it(*self.BARE, "--config-json", self.config_json(**changed))
                self.assertEqual(result.returncode, 3, result.stdout + result.stderr)
                self.assertIn(message, result.stderr)
        self.assertFalse(any("[s3] [cp]" in one or "deploy" in one for one in self.called()), self.called())

    def test_a13_what_contradicts_a_config_json(self):
        path = self.config_json()
        for arguments, message in ((["--db", "crm"], "is of the database Shop, and --db of crm"),
                                   (["--record", "x.other.com"], "is not in"), (["--production", "crm"], "are called after it, not after crm"),
                                   (["--parameter", "ConfigReference=bucket"], "ConfigReference would be read instead"),
                                   (["--parameter", "SourceConfiguration={}"], "SourceConfiguration would be read instead")):
            with self.subTest(message):
                result = self.run_it(*self.BARE, "--config-json", path, *arguments)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(message, result.stderr)
        result = self.run_it(*self.BARE, "--config-json", self.config_json(db=None))
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn("does not name domain and db.name", result.stderr)
        self.assertEqual(self.called(), [])

    def test_base_and_productions(self):
        result = self.run_it("--base", "--bucket", "code", "--vpc", "vpc-1", "--subnets", "subnet-1,subnet-2", "--region", "eu-west-1")
        self.assertEqual(result.returncode, 0, result.stderr)
        deploy = next(one for one in self.called() if "[cloudformation] [deploy]" in one)
        for part in ("[--stack-name] [yesterdaytabase]", "[deploy/aws/base.yaml]", "[VpcId=vpc-1]", "[Subnets=subnet-1,subnet-2]", "[CodeKey="):
            self.assertIn(part, deploy)
        self.assertNotIn("Production=", deploy)
        os.remove(self.log)
        result = self.run_it("--base-stack", "yesterdaytabase", "--bucket", "code", "--db", "Shop", "--zone", "Z1", "--record",
                             "shop-yesterday.example.com", "--region", "eu-west-1", "--upload", os.path.join(ROOT, "README.md"))
        self.assertEqual(result.returncode, 0, result.stderr)
        called = self.called()
        deploy = next(one for one in called if "[cloudformation] [deploy]" in one)
        for part in ("[--stack-name] [yesterdaytabase-shop]", "[deploy/aws/production.yaml]", "[Base=yesterdaytabase]", "[DbName=shop]",
                     "[Production=shop]", "[HostedZoneId=Z1]", "[RecordName=shop-yesterday.example.com]"):
            self.assertIn(part, deploy)
        self.assertNotIn("CodeKey", deploy)
        self.assertFalse(any("yesterdaytabase.zip" in one for one in called), called)
        self.assertTrue(any("[--stack-name] [yesterdaytabase] [--query]" in one and "BucketName" in one for one in called), called)

    def test_what_belongs_to_the_other_stack_is_refused(self):
        base = ["--base", "--bucket", "code", "--vpc", "vpc-1", "--subnets", "subnet-1"]
        production = ["--base-stack", "b", "--bucket", "code", "--db", "shop", "--zone", "Z1", "--record", "x.example.com"]
        for arguments, message in (([*base, "--db", "shop"], "--db is a production's"), (base[:-2], "--subnets is missing"),
                                   ([*production, "--vpc", "vpc-1"], "--vpc is the base's"), (production[:-2], "--record is missing"),
                                   ([*production, "--production", "p" * 26], "more than 25 characters"),
                                   ([*production, "--production", "shop-yesterday"], "may not be called 'shop-yesterday'"),
                                   ([*production, "--production", "turns"], "may not be called 'turns'"),
                                   ([*ARGUMENTS, "--production", "a-sanitized-b"], "may not be called 'a-sanitized-b'"),
                                   ([*production, "--config-json", self.config_json()], "--config-json is for one database")):
            with self.subTest(message):
                result = self.run_it(*arguments, "--region", "eu-west-1")
                self.assertEqual(result.returncode, 2, result.stdout + result.stderr)
                self.assertIn(message, result.stderr)
        self.assertEqual(self.called(), [])

    def test_other_partitions(self):
        for region, bundle in (("us-gov-west-1", "https://truststore.pki.us-gov-west-1.rds.amazonaws.com/global/global-bundle.pem"),
                               ("cn-north-1", "https://rds-truststore.s3.cn-north-1.amazonaws.com.cn/global/global-bundle.pem")):
            result = self.run_it(*ARGUMENTS, "--dry-run", "--region", region)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn(bundle, result.stderr)

    def test_help(self):
        result = self.run_it("--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("--dry-run             says every command and runs none", result.stdout)


if __name__ == "__main__":
    unittest.main()
