#include "drivers/rds/old_stack.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace ytb::rds {
namespace {

constexpr std::string_view kInstanceType = "AWS::RDS::DBInstance";
constexpr std::string_view kRecordType = "AWS::Route53::RecordSet";

using Differences = std::vector<std::string>;

// "" where it is absent or no text.
std::string text_of(const Tree& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}
Tree member_of(const Tree& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found == object.end() ? Tree() : *found;
}

template <size_t kSize>
bool is_one_of(std::string_view word, const std::array<std::string_view, kSize>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

void check_sections(const Tree& source, Differences& differences) {
  constexpr std::array<std::string_view, 6> kSections = {
      "AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Resources", "Outputs"};
  for (const auto& [name, unused] : source.items()) {
    if (!is_one_of(name, kSections)) differences.push_back("its template has a section " + printable(name));
  }
}

void check_parameters(const aws::Stack& stack, Differences& differences) {
  constexpr std::array<std::string_view, 7> kParameters = {
      "DBName", "HostName", "DomainRoot", "SnapshotID", "DiskSize", "SecurityGroup", "SubnetGroup"};
  for (const auto& [name, unused] : stack.parameters) {
    if (!is_one_of(name, kParameters)) differences.push_back("it has a parameter " + printable(name));
  }
  for (const char* needed : {"DBName", "DomainRoot", "SnapshotID"}) {
    if (!stack.parameters.contains(needed))
      differences.push_back(fmt::format("it has no parameter {}", needed));
  }
}

void check_attributes(const std::string& logical, const Tree& resource, Differences& differences) {
  constexpr std::array<std::string_view, 5> kAttributes = {"Type", "Properties", "DeletionPolicy",
                                                           "UpdateReplacePolicy", "Metadata"};
  for (const auto& [name, unused] : resource.items()) {
    if (!is_one_of(name, kAttributes))
      differences.push_back(fmt::format("its resource {} has {}", printable(logical), printable(name)));
  }
}

void check_instance(const std::string& logical, const Tree& resource, Differences& differences) {
  check_attributes(logical, resource, differences);
  const Tree properties = member_of(resource, "Properties");
  if (references_of(member_of(properties, "DBSnapshotIdentifier")) != std::set<std::string>{"SnapshotID"})
    differences.push_back(fmt::format("its instance {} is not restored from SnapshotID", printable(logical)));
  if (references_of(member_of(properties, "DBInstanceIdentifier")) != std::set<std::string>{"DBName"})
    differences.push_back(fmt::format("its instance {} is not called DBName", printable(logical)));
}

void check_record(const std::string& logical, const std::string& instance, const Tree& resource,
                  Differences& differences) {
  check_attributes(logical, resource, differences);
  const Tree properties = member_of(resource, "Properties");
  if (text_of(properties, "Type") != "CNAME")
    differences.push_back(fmt::format("its record {} is no CNAME", printable(logical)));
  const Tree values = member_of(properties, "ResourceRecords");
  if (!values.is_array() || values.size() != 1 || references_of(values) != std::set<std::string>{instance})
    differences.push_back(fmt::format("its record {} does not point at its instance", printable(logical)));
}

struct Found {
  std::vector<std::string> instances, records;  // logical ids
};

Found find_resources(const Tree& source, Differences& differences) {
  Found found;
  const Tree resources = member_of(source, "Resources");
  for (const auto& [logical, resource] : resources.items()) {
    const std::string type = text_of(resource, "Type");
    if (type == kInstanceType) {
      found.instances.push_back(logical);
    } else if (type == kRecordType) {
      found.records.push_back(logical);
    } else {
      differences.push_back(fmt::format("it has a resource {} ({})", printable(logical), printable(type)));
    }
  }
  if (found.instances.size() != 1)
    differences.push_back(fmt::format("it has {} RDS instances and not one", found.instances.size()));
  if (found.records.size() > 1)
    differences.push_back(fmt::format("it has {} records and not one", found.records.size()));
  return found;
}

// What CloudFormation made; "" where it did not, with the difference noted.
std::string physical_id(const std::vector<aws::StackResource>& resources, const std::string& logical,
                        std::string_view type, Differences& differences) {
  for (const aws::StackResource& resource : resources) {
    if (resource.logical_id == logical && resource.type == type && !resource.physical_id.empty())
      return resource.physical_id;
  }
  differences.push_back(fmt::format("its resource {} was never made", printable(logical)));
  return {};
}

std::string bare(std::string name) {
  if (name.ends_with('.')) name.pop_back();
  return to_lower_ascii(name);
}

Error refused(const aws::Stack& stack, const Differences& differences) {
  return Error{.code = Code::kRefused,
               .message = fmt::format("the stack {} is not as the original makes one: {}",
                                      printable(stack.name), join(differences, "; ")),
               .hint =
                   "nothing of it is touched; move the name by hand, or choose another one with "
                   "alias.name"};
}

Tree with_policy(Tree source, const std::string& logical, const char* policy) {
  Tree& resource = source["Resources"][logical];
  resource["DeletionPolicy"] = policy;
  resource["UpdateReplacePolicy"] = policy;
  // Policies alone have long been no change to CloudFormation, and then they are not taken
  // (aws-cloudformation/cloudformation-coverage-roadmap#1543). Metadata is a change, and does nothing.
  resource["Metadata"]["Yesterdaytabase"] = fmt::format("adopted: {}", policy);
  return source;
}

}  // namespace

std::string old_stack_name(const std::string& database) { return database + "-yesterdaytabase"; }

bool is_old_instance_name(const std::string& database, std::string_view id) {
  constexpr std::string_view kShape = "-0000-00-00-0000";  // strftime("-%Y-%m-%d-%H%M")
  if (database.empty() || id.size() != database.size() + kShape.size()) return false;
  if (to_lower_ascii(id.substr(0, database.size())) != to_lower_ascii(database)) return false;
  id.remove_prefix(database.size());
  for (size_t i = 0; i < kShape.size(); ++i) {
    const bool is_digit = id[i] >= '0' && id[i] <= '9';
    if (kShape[i] == '0' ? !is_digit : id[i] != '-') return false;
  }
  return true;
}

Result<OldStack> OldStack::recognise(const OriginalNames& names, const aws::Stack& stack,
                                     std::string_view template_text,
                                     const std::vector<aws::StackResource>& resources) {
  OldStack old;
  old.stack_ = stack;
  YTB_ASSIGN(old.template_, parse_stack_template(template_text));
  Differences differences;
  if (stack.name != old_stack_name(names.database))
    differences.push_back(fmt::format("it is not called {}", old_stack_name(names.database)));
  check_sections(old.template_, differences);
  check_parameters(stack, differences);
  const Found found = find_resources(old.template_, differences);
  if (!differences.empty()) return refused(stack, differences);

  old.instance_ = found.instances.front();
  const Tree& definitions = old.template_["Resources"];
  check_instance(old.instance_, definitions[old.instance_], differences);
  old.instance_id_ = physical_id(resources, old.instance_, kInstanceType, differences);
  if (!found.records.empty()) {
    old.record_ = found.records.front();
    check_record(old.record_, old.instance_, definitions[old.record_], differences);
    const std::string made = bare(physical_id(resources, old.record_, kRecordType, differences));
    if (!made.empty() && made != bare(names.record_name))
      differences.push_back(
          fmt::format("its record is {} and not {}", printable(made), printable(names.record_name)));
  }
  for (const aws::StackResource& resource : resources) {
    const bool is_gone = resource.status == "DELETE_COMPLETE" || resource.status == "DELETE_SKIPPED";
    if (!is_gone && !definitions.contains(resource.logical_id))
      differences.push_back(
          fmt::format("it holds {}, which its template does not", printable(resource.logical_id)));
  }
  const std::string& id = old.instance_id_;
  const bool is_protected =
      std::any_of(names.protected_ids.begin(), names.protected_ids.end(),
                  [&](const std::string& each) { return to_lower_ascii(each) == to_lower_ascii(id); });
  if (is_protected || to_lower_ascii(id) == to_lower_ascii(names.database)) {
    differences.push_back(fmt::format("its instance {} is a production", printable(id)));
  } else if (!id.empty() && !is_old_instance_name(names.database, id)) {
    differences.push_back(
        fmt::format("its instance is called {} and not {}-YYYY-MM-DD-HHMM", printable(id), names.database));
  }
  if (!differences.empty()) return refused(stack, differences);
  return old;
}

bool OldStack::keeps_record() const {
  if (record_.empty()) return true;
  return text_of(template_["Resources"][record_], "DeletionPolicy") == "Retain";
}

bool OldStack::deletes_instance_whole() const {
  return text_of(template_["Resources"][instance_], "DeletionPolicy") == "Delete";
}

std::string OldStack::with_record_kept() const { return with_policy(template_, record_, "Retain").dump(2); }

std::string OldStack::with_instance_deleted_whole() const {
  return with_policy(template_, instance_, "Delete").dump(2);
}

std::string OldStack::without_record() const {
  Tree source = template_;
  source["Resources"].erase(record_);
  if (source.contains("Outputs")) {
    Tree outputs = Tree::object();
    for (const auto& [name, output] : source["Outputs"].items()) {
      if (!references_of(output).contains(record_)) outputs[name] = output;
    }
    if (outputs.empty()) {
      source.erase("Outputs");
    } else {
      source["Outputs"] = outputs;
    }
  }
  return source.dump(2);
}

std::vector<std::string> OldStack::parameter_names() const {
  std::vector<std::string> names;
  for (const auto& [name, unused] : stack_.parameters) names.push_back(name);
  return names;
}

}  // namespace ytb::rds
