#!/usr/bin/env python3
"""Would the roles of deploy/aws/template.yaml be allowed to make these calls?

    tests/deploy/policy.py [--template base|production] [-p Name=value]… < calls.jsonl

Reads one call a line, as the fake AWS records them: {"service": "rds", "operation": "DeleteDBInstance", "target": "db:shop"}.
Optional: "principal" (cloudformation.amazonaws.com/<stack> is the service role, a role's name is that role, anything else the
function), "input" (the call's input, JSON or an object: restores name their snapshot and groups there), "context" (condition
keys). Prints what is not allowed, and exits 1 where there is anything. IAM's logic as far as these policies use it: an explicit
Deny wins, an Allow is needed for every resource that a call is authorised on.
"""
import argparse
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cfn

AWS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy", "aws")
TEMPLATE = os.path.join(AWS, "template.yaml")
BASE = os.path.join(AWS, "base.yaml")
PRODUCTION = os.path.join(AWS, "production.yaml")
DEFAULTS = {
    "DbName": "shop",
    "Production": "shop",
    "HostedZoneId": "Z1EXAMPLE",
    "RecordName": "shop-yesterday.example.com",
    "VpcId": "vpc-1",
    "Subnets": "subnet-1,subnet-2",
    "CodeBucket": "code",
    "CodeKey": "yesterdaytabase.zip",
    "ImageUri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/yesterdaytabase:1",
}
# Needs no right, or is a credential's own: GetCallerIdentity answers everybody.
FREE = {("sts", "GetCallerIdentity"), ("sts", "AssumeRole"), ("sts", "AssumeRoleWithWebIdentity")}
# Operations whose action has another name.
ACTIONS = {("s3", "HeadObject"): "s3:GetObject", ("s3", "ListObjectsV2"): "s3:ListBucket", ("s3", "HeadBucket"): "s3:ListBucket"}


def as_list(value):
    return value if isinstance(value, list) else [value]


def matches(pattern, text):
    """IAM's * and ?; everything else is itself."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text, re.DOTALL) is not None


def condition_holds(condition, context):
    for operator, keys in condition.items():
        for key, wanted in keys.items():
            wanted = [str(one).lower() if operator == "Bool" else str(one) for one in as_list(wanted)]
            have = context.get(key)
            if operator == "Null":
                if (have is None) != (wanted[0] == "true"):
                    return False
            elif operator == "ForAllValues:StringEquals":
                if not all(one in wanted for one in as_list(have if have is not None else [])):
                    return False
            elif operator == "StringNotEquals":
                if have in wanted:
                    return False
            elif operator in ("StringEquals", "Bool", "ArnEquals"):
                same = matches if operator == "ArnEquals" else lambda one, text: one == text
                if have is None or not any(same(one, str(have)) for one in wanted):
                    return False
            else:
                raise ValueError(f"the condition {operator} is not known here")
    return True


def applies(statement, action, arn, context):
    if not any(matches(one.lower(), action.lower()) for one in as_list(statement["Action"])):
        return False
    if "NotResource" in statement:
        if any(matches(one, arn) for one in as_list(statement["NotResource"])):
            return False
    elif not any(matches(one, arn) for one in as_list(statement["Resource"])):
        return False
    return condition_holds(statement.get("Condition", {}), context)


class Policies:
    """Of template.yaml, whose FunctionRole does everything; or of another template, with whose role the function works."""
    function = "FunctionRole"
    free = FREE

    def __init__(self, parameters=None, template_path=TEMPLATE, imports=None, role_prefix=""):
        template = cfn.load(template_path)
        known = {name: value for name, value in DEFAULTS.items() if name in template["Parameters"]}
        self.resolver = cfn.Resolver(template, {**known, **(parameters or {})}, imports, role_prefix)
        self.resources = self.resolver.resources()
        self.region = self.resolver.values["AWS::Region"]
        self.account = self.resolver.values["AWS::AccountId"]
        self.partition = self.resolver.values["AWS::Partition"]

    def statements(self, role):
        found = []
        for policy in self.resources[role]["Properties"].get("Policies", []):
            found += as_list(policy["PolicyDocument"]["Statement"])
        attached = self.resources[role]["Properties"].get("ManagedPolicyArns", [])
        for name, resource in self.resources.items():
            if resource["Type"] != "AWS::IAM::ManagedPolicy":
                continue
            if self.resolver.reference(name) in attached or role in resource["Properties"].get("Roles", []):
                found += as_list(resource["Properties"]["PolicyDocument"]["Statement"])
        return found

    def decide(self, role, action, arn, context=None):
        """'allowed', 'explicitDeny' or 'implicitDeny', as IAM's simulator says it."""
        statements = [one for one in self.statements(role) if applies(one, action, arn, context or {})]
        if any(one["Effect"] == "Deny" for one in statements):
            return "explicitDeny"
        return "allowed" if statements else "implicitDeny"

    def arn(self, service, target):
        """Of what the fake AWS calls "db:shop", "stack:x", "zone:Z1 name", "bucket:b/key" …"""
        if not target or target.startswith("arn:"):
            return target or "*"
        kind, _, name = target.partition(":")
        if name.startswith("arn:"):
            return name
        regional = f"arn:{self.partition}:{service}:{self.region}:{self.account}"
        if kind == "task":
            cluster = self.resolver.reference("Cluster") if "Cluster" in self.resources else "none"
            return f"{regional}:task/{cluster}/{name.split('/')[-1]}"
        if service == "ecs" and kind == "cluster":
            return f"{regional}:cluster/{name.split('/')[-1]}"
        return {
            "stack": f"{regional}:stack/{name.split('/')[-1]}/0",
            "zone": f"arn:{self.partition}:route53:::hostedzone/{name.split(' ')[0]}",
            "change": f"arn:{self.partition}:route53:::change/{name}",
            "bucket": f"arn:{self.partition}:s3:::{name}",
            "secret": f"{regional}:secret:{name}",
            "parameter": f"{regional}:parameter/{name.lstrip('/')}",
            "task-definition": f"{regional}:task-definition/{name.split('/')[-1]}" + ("" if ":" in name else ":1"),
            "role": f"arn:{self.partition}:iam::{self.account}:role/{name.split('/')[-1]}",
        }.get(kind, f"{regional}:{target}" if service in ("rds", "rds-db") else "*")

    @staticmethod
    def target_of(service, given):
        """What a call is about by its input, where the record does not say."""
        def first(*names):
            return next((str(given[name]) for name in names if given.get(name)), "")

        def kind(name, value):
            return value if not value or value.startswith("arn:") else f"{name}:{value}"

        if service == "s3" and first("Bucket"):
            return "bucket:" + first("Bucket") + ("/" + first("Key") if first("Key") else "")
        return {
            "cloudformation": kind("stack", first("StackName")),
            "route53": kind("zone", first("HostedZoneId").split("/")[-1]),
            "secretsmanager": kind("secret", first("SecretId")),
            "ssm": kind("parameter", first("Name")),
            "iam": first("PolicySourceArn") or kind("role", first("RoleName")),
            "ecs": kind("task-definition", first("taskDefinition")) or kind("task", first("task")),
            "rds": first("ResourceName"),
            "sts": first("RoleArn"),
        }.get(service, "")

    def call(self, call):
        """All that keeps a call from being allowed, as sentences; none where it is."""
        service, operation = call["service"], call["operation"]
        if (service, operation) in self.free:
            return []
        principal = call.get("principal") or ""
        role = self.function
        if principal.startswith("cloudformation.amazonaws.com"):
            role = "ServiceRole"
        elif principal in self.resources:
            role = principal
        given = call.get("input") or {}
        if isinstance(given, str):
            given = json.loads(given)
        action = ACTIONS.get((service, operation), f"{service}:{operation}")
        target = call.get("target") or self.target_of(service, given)
        if service == "route53" and not target and given.get("Id"):
            target = ("change:" if operation == "GetChange" else "zone:") + given["Id"].split("/")[-1]
        arns = [self.arn(service, target)]
        if operation == "DescribeClusters":
            arns = [self.arn(service, one if one.startswith("arn:") else "cluster:" + one) for one in given.get("clusters", [])] or arns
        if operation == "DescribeTaskDefinition":
            arns = ["*"]
        if operation == "DescribeTasks":
            arns = [self.arn(service, one if one.startswith("arn:") else "task:" + one) for one in given.get("tasks", [])] or arns
        if operation.startswith(("Describe", "List")) and target and self.decide(role, action, "*") == "allowed":
            arns = ["*"]
        if operation == "CreateDBInstance":  # a cluster's writer is authorised on the cluster and on its group, too
            arns += [self.arn("rds", f"{kind}:{given[member]}") for member, kind in
                     (("DBClusterIdentifier", "cluster"), ("DBParameterGroupName", "pg")) if given.get(member)]
        for member, kind in (("DBSnapshotIdentifier", "snapshot"), ("SnapshotIdentifier", "cluster-snapshot"),
                             ("DBClusterSnapshotIdentifier", "cluster-snapshot"), ("DBParameterGroupName", "pg"),
                             ("DBClusterParameterGroupName", "cluster-pg"),
                             ("DBSubnetGroupName", "subgrp"), ("OptionGroupName", "og")):
            if operation.startswith("Restore") and given.get(member):
                arns.append(self.arn("rds", given[member] if given[member].startswith("arn:") else f"{kind}:{given[member]}"))
        for member, kind in (("SourceDBSnapshotIdentifier", "snapshot"), ("SourceDBClusterSnapshotIdentifier", "cluster-snapshot")):
            if operation.startswith("Copy") and given.get(member):
                arns.append(self.arn("rds", given[member] if given[member].startswith("arn:") else f"{kind}:{given[member]}"))
        context = self.context(service, operation, given, target)
        context.update(call.get("context") or {})
        found = []
        # Who names a role in a call passes it to the service that is called.
        passed = []
        if service == "cloudformation" and given.get("RoleARN") and "ServiceRole" in self.resources:
            passed = [self.resolver.attribute("ServiceRole", "Arn")]
        elif (service, operation) == ("ecs", "RunTask"):
            passed = [self.resolver.attribute(one, "Arn") for one in ("TaskRole", "TaskExecutionRole") if one in self.resources]
        for arn in passed:
            to = {"iam:PassedToService": "ecs-tasks.amazonaws.com" if service == "ecs" else "cloudformation.amazonaws.com"}
            decision = self.decide(role, "iam:PassRole", arn, to)
            if decision != "allowed":
                found.append(f"{role}: iam:PassRole on {arn}: {decision}")
        for arn in arns:
            owner = arn.split(":")[4] if arn.count(":") >= 5 else ""
            decision = self.decide(role, action, arn, {**context, **({"aws:ResourceAccount": owner} if owner else {})})
            if decision != "allowed":
                found.append(f"{role}: {action} on {arn}: {decision}")
        return found

    def context(self, service, operation, given, target):
        context = {}
        if service == "cloudformation" and given.get("RoleARN") and "ServiceRole" in self.resources:
            # Whatever role a test passes stands for the deployment's.
            context["cloudformation:RoleArn"] = self.resolver.attribute("ServiceRole", "Arn")
        if service == "ecs" and "Cluster" in self.resources:
            context["ecs:cluster"] = self.resolver.attribute("Cluster", "Arn")
        if service == "rds" and given.get("DBInstanceClass"):
            context["rds:DatabaseClass"] = given["DBInstanceClass"]
        if operation == "ChangeResourceRecordSets":
            name = target.partition(" ")[2]
            changes = given.get("ChangeBatch", {}).get("Changes", [])
            sets = [one["ResourceRecordSet"] for one in changes]
            context["route53:ChangeResourceRecordSetsNormalizedRecordNames"] = (
                [one["Name"].rstrip(".").lower() for one in sets] or [name])
            context["route53:ChangeResourceRecordSetsRecordTypes"] = [one["Type"] for one in sets] or ["CNAME"]
            context["route53:ChangeResourceRecordSetsActions"] = [one["Action"] for one in changes] or ["UPSERT"]
        return context


class Base(Policies):
    """Of base.yaml's stack, whose function becomes the roles of productions."""
    free = FREE - {("sts", "AssumeRole")}

    def __init__(self, parameters=None):
        super().__init__({"AWS::StackName": "yesterdaytabase", **(parameters or {})}, BASE)


class Production(Policies):
    """Of a production's stack beside base.yaml's."""
    function = "ProductionRole"

    def __init__(self, parameters=None, base=None, role_prefix=""):
        given = dict(parameters or {})
        stack = {"AWS::StackName": "yesterdaytabase-" + given.get("Production", DEFAULTS["Production"])}
        place = {name: value for name, value in given.items() if name in cfn.PSEUDO and name != "AWS::StackName"}
        self.base = Base({**place, **(base or {})})
        super().__init__({"Base": "yesterdaytabase", **stack, **given}, PRODUCTION, self.base.resolver.exports(), role_prefix)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-p", dest="parameters", action="append", default=[], metavar="Name=value",
                        help="a parameter of the template, or AWS::StackName, AWS::Region, AWS::AccountId; e.g. Production=crm")
    parser.add_argument("--template", choices=("template", "base", "production"), default="template",
                        help="whose roles: of template.yaml, of base.yaml, or of production.yaml beside base.yaml")
    parser.add_argument("--base", dest="base", action="append", default=[], metavar="Name=value",
                        help="with --template production, a parameter of base.yaml")
    arguments = parser.parse_args()
    parameters, base = (dict(one.split("=", 1) for one in given) for given in (arguments.parameters, arguments.base))
    policies = {"template": lambda: Policies(parameters), "base": lambda: Base(parameters),
                "production": lambda: Production(parameters, base)}[arguments.template]()
    count, refused = 0, []
    for number, line in enumerate(sys.stdin, 1):
        if line.strip():
            count += 1
            refused += [f"line {number}: {one}" for one in policies.call(json.loads(line))]
    print("\n".join(refused + [f"{count} calls, {len(refused)} not allowed"]))
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
