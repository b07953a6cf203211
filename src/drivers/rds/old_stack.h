// OldStack: the right to change the stack that the original made, `<database>-yesterdaytabase`.
//
// One constructor, which demands the original's whole shape: its name, its parameters, an instance restored
// from a snapshot under the original's kind of name, at most one record, a CNAME of that instance, and
// nothing else. A production's instance can be none of these, and is refused by name besides. Pure.
#pragma once

#include <string>
#include <vector>

#include "drivers/aws/cloudformation.h"
#include "drivers/rds/old_template.h"

namespace ytb::rds {

struct OriginalNames {
  std::string database;                    // DBInstanceIdentifier of production
  std::string record_name;                 // "shop-yesterday.mysite.com"
  std::vector<std::string> protected_ids;  // instances that are sources: never to be touched
};

std::string old_stack_name(const std::string& database);
// "shop-2016-11-22-1100": what the original calls an instance.
bool is_old_instance_name(const std::string& database, std::string_view id);

class OldStack {
 public:
  // kRefused names everything that differs. The stack must be at rest.
  static Result<OldStack> recognise(const OriginalNames& names, const aws::Stack& stack,
                                    std::string_view template_text,
                                    const std::vector<aws::StackResource>& resources);

  [[nodiscard]] const aws::Stack& stack() const { return stack_; }
  [[nodiscard]] const std::string& instance_id() const { return instance_id_; }
  // Whether the record is one of its resources, and whether it would outlive being taken out.
  [[nodiscard]] bool holds_record() const { return !record_.empty(); }
  [[nodiscard]] bool keeps_record() const;
  // Whether deleting the stack leaves no final snapshot of raw data behind.
  [[nodiscard]] bool deletes_instance_whole() const;

  // The template with one thing changed, as JSON.
  [[nodiscard]] std::string with_record_kept() const;
  [[nodiscard]] std::string without_record() const;
  [[nodiscard]] std::string with_instance_deleted_whole() const;
  [[nodiscard]] std::vector<std::string> parameter_names() const;

 private:
  OldStack() = default;
  aws::Stack stack_;
  Tree template_;
  std::string instance_, record_;  // logical ids; no record: it was taken out
  std::string instance_id_;
};

}  // namespace ytb::rds
