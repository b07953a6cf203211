#!/usr/bin/env python3
"""deploy/aws/probe.sh against an aws that answers by the operation."""
import json
import os
import stat
import subprocess
import tempfile
import unittest

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
AWS = """#!/usr/bin/env python3
import json, os, sys
words = sys.argv[1:]
with open(os.environ["LOG"], "a", encoding="utf-8") as log:
    log.write(" ".join(words) + "\\n")
for key, answer in json.loads(os.environ["ANSWERS"]).items():
    if all(word in words for word in key.split()):
        if isinstance(answer, str) and answer.startswith("!"):
            sys.exit(answer[1:])
        print(json.dumps(answer, indent=4))
        break
else:
    print("1" if "length" in " ".join(words) else "null")
"""
# The first that fits counts.
SHARED = {
    "get-caller-identity": "123456789012",
    "describe-db-snapshots --db-snapshot-identifier --include-shared": 0,
    "describe-db-snapshots --db-instance-identifier": 0,
    "describe-db-snapshots --db-snapshot-identifier": 1,
    "describe-db-snapshots shared": ["arn:aws:rds:eu-west-1:210987654321:snapshot:secret-name", "secret-shop", 0],
    "describe-db-cluster-snapshots shared": None,
    "describe-db-cluster-snapshots awsbackup": "!An error occurred (InvalidParameterValue) when calling it: secret-name is not",
    "describe-db-major-engine-versions": "!aws: error: argument operation: Invalid choice, valid choices are:",
    "describe-engine-default-cluster-parameters": [True, "0-262143"],
    "list-clusters": "arn:aws:ecs:eu-west-1:123456789012:cluster/secret-cluster",
    "list-tasks": 0,
    "get-account-settings": [1000, 1000],
}


class Probe(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.log = os.path.join(self.folder.name, "log")
        path = os.path.join(self.folder.name, "aws")
        with open(path, "w", encoding="utf-8") as file:
            file.write(AWS)
        os.chmod(path, stat.S_IRWXU)

    def run_it(self, *arguments, answers=None):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        variables = {**kept, "PATH": f"{self.folder.name}:{os.environ['PATH']}", "LOG": self.log, "AWS_REGION": "eu-west-1",
                     "ANSWERS": json.dumps(SHARED if answers is None else answers)}
        return subprocess.run([os.path.join(ROOT, "deploy", "aws", "probe.sh"), *arguments], env=variables, text=True,
                              capture_output=True, check=False)

    def found(self, run, question):
        """What was found of the question that begins so."""
        lines = run.stdout.splitlines()
        at = next(index for index, line in enumerate(lines) if line.startswith(question))
        return lines[at + 2].split("found:", 1)[1].strip()

    def test_asks_and_changes_nothing(self):
        run = self.run_it("--db", "shop")
        self.assertEqual(run.returncode, 0, run.stderr)
        with open(self.log, encoding="utf-8") as file:
            calls = [line.split() for line in file]
        self.assertGreater(len(calls), 15)
        for call in calls:
            self.assertRegex(" ".join(call[:2]), r"^(--version|(rds|ecs|lambda|sts) (describe|list|get)-)")

    def test_says_what_it_found(self):
        run = self.run_it()
        by_arn = "Is a shared snapshot of an instance shown to who names it by its ARN, with "
        self.assertEqual(self.found(run, by_arn + "--snapshot-type shared"), "yes")
        self.assertEqual(self.found(run, by_arn + "--include-shared"), "no")
        self.assertEqual(self.found(run, "Is it shown to who names the instance"), "no")
        self.assertIn("there is none here", self.found(run, "Are shared snapshots of clusters listed"))
        self.assertEqual(self.found(run, "Have snapshots of clusters the type awsbackup"), "refused: InvalidParameterValue")
        self.assertEqual(self.found(run, "When standard support of each major of postgres"), "refused: this aws does not know it")
        self.assertEqual(self.found(run, "May a cluster's group of aurora-postgresql16"), "true 0-262143")
        self.assertEqual(self.found(run, "Lambda's concurrency"), "1000 1000")

    def test_names_nothing_of_the_account(self):
        report = os.path.join(self.folder.name, "report")
        run = self.run_it("--db", "secret-shop", "--report", report)
        with open(report, encoding="utf-8") as file:
            text = file.read()
        for told in (run.stdout, text):
            self.assertNotIn("secret", told)
            self.assertNotRegex(told, "[0-9]{12}")
        self.assertIn("Lambda's concurrency", text)

    def test_wrong_credentials_and_wrong_words(self):
        run = self.run_it(answers={"get-caller-identity": "!An error occurred (InvalidClientTokenId) when calling it: no"})
        self.assertEqual(run.returncode, 1)
        self.assertIn("AWS does not know these credentials (InvalidClientTokenId)", run.stderr)
        self.assertEqual(self.run_it("--database", "x").returncode, 2)
        self.assertEqual(self.run_it("--db", "arn:aws:rds:x").returncode, 2)
        self.assertEqual(self.run_it("--db").returncode, 2)

    def test_rehearses(self):
        run = self.run_it("--dry-run")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertFalse(os.path.exists(self.log))
        self.assertIn("+ aws rds describe-db-snapshots", run.stderr)


if __name__ == "__main__":
    unittest.main()
