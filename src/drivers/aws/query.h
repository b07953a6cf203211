// Query: the "query" protocol of RDS, CloudFormation, STS and IAM, and EC2's variant of it. For this room's
// clients.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "drivers/aws/caller.h"
#include "drivers/aws/xml.h"

namespace ytb::aws {

// A call's parameters. Names are the service model's: "VpcSecurityGroupIds.VpcSecurityGroupId" is a list
// whose elements get ".1", ".2"; an empty list is not sent. Empty text given to set_if is not sent either.
class Params {
 public:
  Params(Service service, std::string action, Effect effect);

  Params& set(const std::string& name, std::string_view value);
  Params& set(const std::string& name, const char* value) { return set(name, std::string_view(value)); }
  Params& set(const std::string& name, bool value) { return set(name, value ? "true" : "false"); }
  Params& set(const std::string& name, int value) { return set(name, std::to_string(value)); }
  Params& set_if(const std::string& name, std::string_view value);
  template <typename T>
  Params& set_if(const std::string& name, const std::optional<T>& value) {
    return value ? set(name, *value) : *this;
  }
  // Its value is hidden in messages.
  Params& set_secret(const std::string& name, const Secret& value);
  Params& list(const std::string& name, const std::vector<std::string>& values);
  // name.1.Key=…&name.1.Value=…, with the given names of the two.
  Params& pairs(const std::string& name, const std::map<std::string, std::string>& values,
                const std::string& key = "Key", const std::string& value = "Value");
  // As Call::expected.
  Params& expect(std::string code, std::string message_part = {});
  Params& is_unsigned();

  [[nodiscard]] Call call() const;
  [[nodiscard]] const std::string& action() const { return call_.operation; }

 private:
  Call call_;
  std::vector<std::pair<std::string, std::string>> values_;
};

// Sends it; the answer's document element is <ActionResponse>.
Result<XmlAnswer> run(Caller& caller, const Params& params);
// The problem of a reading as an error of that call; success where there is none.
Status check(const Params& params, const XmlAnswer& answer, const Problem& problem);

// Page after page of an answer. `next` is the request's member that continues and the result's member that
// says how
// ("Marker", "NextToken"). Bounded by kPagesMax; a token that comes twice is an error.
inline constexpr int kPagesMax = 2000;
class Pages {
 public:
  Pages(Caller& caller, Params params, std::string next)
      : caller_(caller), params_(std::move(params)), next_(std::move(next)) {}
  // None: that was the last one, or an expected fault (what was asked about is not there).
  Result<std::optional<XmlAnswer>> next();
  [[nodiscard]] Fields result(const XmlAnswer& answer, Problem& problem) const {
    return answer.result(params_.action() + "Result", problem);
  }
  [[nodiscard]] const Params& params() const { return params_; }
  // Elements that `wanted` says no to are passed over unread: what is somebody else's may look as it likes.
  Pages&& only(std::function<bool(const Fields&)> wanted) && {
    wanted_ = std::move(wanted);
    return std::move(*this);
  }
  [[nodiscard]] bool wants(const Fields& element) const { return !wanted_ || wanted_(element); }

 private:
  Caller& caller_;
  Params params_;
  std::function<bool(const Fields&)> wanted_;
  std::string next_;
  std::string token_;
  bool at_end_ = false;
  int pages_ = 0;
};

// Reads the elements `member` of the list `list` on every page. `each` is given only pages that were read
// whole; false from it ends the walk.
template <typename T>
Status walk(Pages pages, const char* list, const char* member, T (*read)(const Fields&),
            const std::function<Result<bool>(T)>& each) {
  while (true) {
    YTB_ASSIGN(const std::optional<XmlAnswer> answer, pages.next());
    if (!answer) return {};
    Problem problem;
    std::vector<T> items;
    for (const Fields& element : pages.result(*answer, problem).list(list, member)) {
      if (pages.wants(element)) items.push_back(read(element));
    }
    YTB_TRY(check(pages.params(), *answer, problem));
    for (T& item : items) {
      YTB_ASSIGN(const bool goes_on, each(std::move(item)));
      if (!goes_on) return {};
    }
  }
}
template <typename T>
Status walk_all(Pages pages, const char* list, const char* member, T (*read)(const Fields&),
                const std::function<Status(T)>& each) {
  return walk<T>(std::move(pages), list, member, read, [&](T item) -> Result<bool> {
    YTB_TRY(each(std::move(item)));
    return true;
  });
}

}  // namespace ytb::aws
