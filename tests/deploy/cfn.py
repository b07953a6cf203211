"""Reads a CloudFormation template and resolves its intrinsic functions for given parameters, as far as
deploy/aws/template.yaml uses them. Anything else is an error, so that a new function cannot go unnoticed."""
import re

import yaml

PSEUDO = {
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "123456789012",
    "AWS::StackName": "yesterdaytabase",
    "AWS::StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/yesterdaytabase/1",
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
NO_VALUE = object()


class Loader(yaml.SafeLoader):
    """Refuses what CloudFormation refuses: aliases, and (what it silently takes the last of) keys given twice."""

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"line {self.peek_event().start_mark.line + 1}: CloudFormation reads no aliases")
        return super().compose_node(parent, index)

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"line {node.start_mark.line + 1}: the key {key} is there twice")
        return super().construct_mapping(node, deep)


def _function(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else "Fn::" + suffix: value}


Loader.add_multi_constructor("!", _function)


def load(path):
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, Loader)


def function_of(value):
    """('Ref', argument), ('Fn::Sub', argument) …, or (None, None)."""
    if isinstance(value, dict) and len(value) == 1:
        name, argument = next(iter(value.items()))
        if name in ("Ref", "Condition") or name.startswith("Fn::"):
            return name, argument
    return None, None


def sub_names(text):
    return [name for name in re.findall(r"\$\{([^}]*)\}", text) if not name.startswith("!")]


class Resolver:
    """Physical ids are made up: `Name` of a resource is "Name-id", its attributes "arn:aws:…" or the like."""

    def __init__(self, template, parameters, imports=None, role_prefix=""):
        """`imports`: what other stacks export, name → value. `role_prefix`: what roles' names begin with; CloudFormation's begin with
        their stack's, so that two stacks' differ."""
        self.role_prefix = role_prefix
        self.template = template
        self.imports = imports or {}
        self.values = {**PSEUDO, **{name: value for name, value in parameters.items() if name in PSEUDO}}
        for name, declared in template["Parameters"].items():
            if name in parameters:
                value = parameters[name]
            elif "Default" in declared:
                value = declared["Default"]
            else:
                raise KeyError(f"the parameter {name} has no default and is not given")
            is_list = declared["Type"] == "CommaDelimitedList" or declared["Type"].startswith("List<")
            self.values[name] = value.split(",") if is_list and isinstance(value, str) else value

    def condition(self, value):
        name, argument = function_of(value)
        if name == "Condition":
            return self.condition(self.template["Conditions"][argument])
        if name == "Fn::Not":
            return not self.condition(argument[0])
        if name == "Fn::And":
            return all(self.condition(one) for one in argument)
        if name == "Fn::Or":
            return any(self.condition(one) for one in argument)
        if name == "Fn::Equals":
            left, right = (self.resolve(one) for one in argument)
            return str(left) == str(right)
        raise ValueError(f"not a condition: {value}")

    def exists(self, resource):
        condition = self.template["Resources"][resource].get("Condition")
        return condition is None or self.condition({"Condition": condition})

    def check_exists(self, resource):
        if not self.exists(resource):
            raise KeyError(f"{resource} is referred to, and is not made with these parameters")

    def attribute(self, resource, attribute):
        self.check_exists(resource)
        kind = self.template["Resources"][resource]["Type"]
        account, region, partition = (self.values["AWS::" + name] for name in ("AccountId", "Region", "Partition"))
        if attribute == "Arn" and kind == "AWS::IAM::Role":
            path = self.resolve(self.template["Resources"][resource]["Properties"].get("Path", "/"))
            return f"arn:{partition}:iam::{account}:role{path}{self.role_prefix}{resource}"
        if attribute == "Arn" and kind == "AWS::S3::Bucket":
            return f"arn:{partition}:s3:::{self.reference(resource)}"
        if attribute == "Arn" and kind == "AWS::ECS::Cluster":
            return f"arn:{partition}:ecs:{region}:{account}:cluster/{self.reference(resource)}"
        if attribute == "Arn" and kind == "AWS::Logs::LogGroup":
            name = self.resolve(self.template["Resources"][resource]["Properties"]["LogGroupName"])
            return f"arn:{partition}:logs:{region}:{account}:log-group:{name}:*"
        if attribute == "Arn":
            return f"arn:{partition}:any:{region}:{account}:{resource}"
        return f"{resource}-{attribute}".lower()

    def reference(self, name):
        if name in self.values:
            return self.values[name]
        if name not in self.template["Resources"]:
            raise KeyError(f"Ref of {name}, which is neither parameter nor resource")
        self.check_exists(name)
        if self.template["Resources"][name]["Type"] == "AWS::IAM::ManagedPolicy":
            return f"arn:{self.values['AWS::Partition']}:iam::{self.values['AWS::AccountId']}:policy/{name}"
        return f"{name}-id".lower() if self.template["Resources"][name]["Type"] != "AWS::IAM::Role" else name

    def resolve(self, value):
        name, argument = function_of(value)
        if name == "Ref":
            return NO_VALUE if argument == "AWS::NoValue" else self.reference(argument)
        if name == "Fn::GetAtt":
            return self.attribute(*argument)
        if name == "Fn::If":
            return self.resolve(argument[1] if self.condition({"Condition": argument[0]}) else argument[2])
        if name == "Fn::Join":
            return argument[0].join(self.resolve(argument[1]))
        if name == "Fn::ImportValue":
            return self.imports[self.resolve(argument)]
        if name == "Fn::Select":
            return self.resolve(argument[1])[int(argument[0])]
        if name == "Fn::Split":
            return self.resolve(argument[1]).split(argument[0])
        if name == "Fn::Sub":
            text, own = argument if isinstance(argument, list) else (argument, {})
            own = {key: self.resolve(one) for key, one in own.items()}
            for inner in sub_names(text):
                if inner in own:
                    part = own[inner]
                elif "." in inner:
                    part = self.attribute(*inner.split(".", 1))
                else:
                    part = self.reference(inner)
                text = text.replace("${" + inner + "}", str(part))
            return text
        if name is not None:
            raise ValueError(f"{name} is not known here")
        if isinstance(value, dict):
            resolved = {key: self.resolve(one) for key, one in value.items()}
            return {key: one for key, one in resolved.items() if one is not NO_VALUE}
        if isinstance(value, list):
            return [one for one in (self.resolve(each) for each in value) if one is not NO_VALUE]
        return value

    def outputs(self):
        outputs = self.template["Outputs"]
        return {name: self.resolve(one["Value"]) for name, one in outputs.items()
                if "Condition" not in one or self.condition({"Condition": one["Condition"]})}

    def exports(self):
        """name → value, of the outputs that are exported."""
        outputs = self.outputs()
        return {self.resolve(one["Export"]["Name"]): outputs[name] for name, one in self.template["Outputs"].items()
                if name in outputs and "Export" in one}

    def resources(self):
        return {name: self.resolve(one) for name, one in self.template["Resources"].items() if self.exists(name)}
