#include "drivers/aws/route53.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"
#include "drivers/aws/xml.h"

namespace ytb::aws {
namespace {

constexpr const char* kRoot = "/2013-04-01";
constexpr const char* kNamespace = "https://route53.amazonaws.com/doc/2013-04-01/";
// Of one name there are few zones and few record sets: one page holds them, or something is odd.
constexpr const char* kItemsMax = "100";

Call route53(std::string operation, Effect effect, std::string method, const std::string& path) {
  return {.service = Service::kRoute53,
          .operation = std::move(operation),
          .effect = effect,
          .method = std::move(method),
          .path = kRoot + path};
}

// "/hostedzone/Z1" → "Z1".
std::string bare_id(const std::string& id) { return id.substr(id.rfind('/') + 1); }

std::string normal_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return to_lower_ascii(name);
}

Status check(const Call& call, const XmlAnswer& answer, const Problem& problem) {
  if (problem.text.empty()) return {};
  return malformed(call, answer.answer(), problem.text);
}

HostedZone read_zone(const Fields& fields) {
  HostedZone zone{.id = bare_id(fields.text("Id")), .name = internal::from_route53_name(fields.text("Name"))};
  if (const std::optional<Fields> config = fields.child_if("Config")) {
    zone.is_private = config->flag_or("PrivateZone", false);
  }
  return zone;
}

RecordSet read_record_set(const Fields& fields) {
  RecordSet record{.name = internal::from_route53_name(fields.text("Name")),
                   .type = fields.text("Type"),
                   .ttl_s = 0,
                   .values = {},
                   .alias_target = {},
                   .set_identifier = fields.text_if("SetIdentifier")};
  if (const std::optional<Fields> alias = fields.child_if("AliasTarget")) {
    record.alias_target = internal::from_route53_name(alias->text("DNSName"));
    return record;
  }
  // Records of traffic policies have no TTL.
  record.ttl_s = fields.integer_if("TTL").value_or(0);
  for (const Fields& value : fields.list_if("ResourceRecords", "ResourceRecord")) {
    record.values.push_back(value.text("Value"));
  }
  return record;
}

ChangeInfo read_change(const Fields& fields, Problem& problem) {
  const std::string status = fields.text("Status");
  if (status != "PENDING" && status != "INSYNC")
    problem.note("ChangeInfo.Status is neither PENDING nor INSYNC");
  return {.id = bare_id(fields.text("Id")), .in_sync = status == "INSYNC"};
}

std::string change_document(RecordAction action, const RecordSet& record, const std::string& comment) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("ChangeResourceRecordSetsRequest");
  root.append_attribute("xmlns") = kNamespace;
  pugi::xml_node batch = root.append_child("ChangeBatch");
  const auto add = [](pugi::xml_node parent, const char* name, const std::string& text) {
    parent.append_child(name).text().set(text.c_str());
  };
  if (!comment.empty()) add(batch, "Comment", comment);
  pugi::xml_node change = batch.append_child("Changes").append_child("Change");
  add(change, "Action", action == RecordAction::kUpsert ? "UPSERT" : "DELETE");
  pugi::xml_node set = change.append_child("ResourceRecordSet");
  add(set, "Name", record.name + ".");
  add(set, "Type", record.type);
  add(set, "TTL", std::to_string(record.ttl_s));
  pugi::xml_node records = set.append_child("ResourceRecords");
  for (const std::string& value : record.values) add(records.append_child("ResourceRecord"), "Value", value);
  struct Writer : pugi::xml_writer {
    std::string text;
    void write(const void* data, size_t size) override { text.append(static_cast<const char*>(data), size); }
  } writer;
  document.save(writer, "", pugi::format_raw);
  return writer.text;
}

// Whether there is more than this page. Emulators leave it out: a full page may be a part.
bool may_go_on(const Fields& root, size_t count) {
  return root.flag_or("IsTruncated", count >= std::stoul(kItemsMax));
}

Error too_many(const Call& call, const XmlAnswer& answer, const std::string& name) {
  return malformed(call, answer.answer(),
                   fmt::format("'{}' has more than {} entries", printable(name), kItemsMax));
}

}  // namespace

std::string internal::from_route53_name(std::string_view name) {
  std::string plain;
  for (size_t i = 0; i < name.size(); ++i) {
    const auto is_octal = [&](size_t at) { return name[at] >= '0' && name[at] <= '7'; };
    if (name[i] == '\\' && i + 3 < name.size() && is_octal(i + 1) && is_octal(i + 2) && is_octal(i + 3)) {
      plain += static_cast<char>((name[i + 1] - '0') * 64 + (name[i + 2] - '0') * 8 + (name[i + 3] - '0'));
      i += 3;
    } else {
      plain += name[i];
    }
  }
  return normal_name(plain);
}

Result<std::vector<HostedZone>> Route53::list_hosted_zones_by_name(const std::string& domain) {
  const std::string wanted = normal_name(domain);
  Call call = route53("ListHostedZonesByName", Effect::kReads, "GET", "/hostedzonesbyname");
  call.query = {{"dnsname", wanted}, {"maxitems", kItemsMax}};
  YTB_ASSIGN(Answer raw, caller_.call(call));
  YTB_ASSIGN(const XmlAnswer answer, XmlAnswer::parse(call, std::move(raw), "ListHostedZonesByNameResponse"));
  Problem problem;
  const Fields root = answer.root(problem);
  std::vector<HostedZone> zones;
  bool past = false;  // zones come sorted by name, from the wanted one on
  const std::vector<Fields> elements = root.list("HostedZones", "HostedZone");
  for (const Fields& element : elements) {
    HostedZone zone = read_zone(element);
    past = past || zone.name != wanted;
    if (zone.name == wanted) zones.push_back(std::move(zone));
  }
  const bool is_truncated = may_go_on(root, elements.size());
  YTB_TRY(check(call, answer, problem));
  if (is_truncated && !past) return too_many(call, answer, wanted);
  return zones;
}

Result<std::optional<HostedZone>> Route53::get_hosted_zone(const std::string& id) {
  Call call = route53("GetHostedZone", Effect::kReads, "GET", "/hostedzone/" + uri_encode(bare_id(id)));
  call.expected = {{.code = "NoSuchHostedZone"}};
  YTB_ASSIGN(Answer raw, caller_.call(call));
  YTB_ASSIGN(const XmlAnswer answer, XmlAnswer::parse(call, std::move(raw), "GetHostedZoneResponse"));
  if (answer.has_fault()) return std::optional<HostedZone>();
  Problem problem;
  HostedZone zone = read_zone(answer.root(problem).child("HostedZone"));
  YTB_TRY(check(call, answer, problem));
  return std::optional<HostedZone>(std::move(zone));
}

Result<std::vector<RecordSet>> Route53::list_resource_record_sets(const std::string& zone_id,
                                                                  const std::string& name,
                                                                  const std::string& type) {
  const std::string wanted = normal_name(name);
  Call call = route53("ListResourceRecordSets", Effect::kReads, "GET",
                      "/hostedzone/" + uri_encode(bare_id(zone_id)) + "/rrset");
  call.query = {{"name", wanted + "."}, {"maxitems", kItemsMax}};
  if (!type.empty()) call.query.emplace_back("type", type);
  call.expected = {{.code = "NoSuchHostedZone"}};
  YTB_ASSIGN(Answer raw, caller_.call(call));
  YTB_ASSIGN(const XmlAnswer answer,
             XmlAnswer::parse(call, std::move(raw), "ListResourceRecordSetsResponse"));
  if (answer.has_fault()) {
    return Error{.code = Code::kConfig,
                 .message = fmt::format("there is no hosted zone {}", printable(zone_id)),
                 .hint = "aws route53 list-hosted-zones shows them"};
  }
  Problem problem;
  const Fields root = answer.root(problem);
  std::vector<RecordSet> records;
  bool past = false;  // the list begins at the wanted name and type and goes on past them
  const std::vector<Fields> elements = root.list("ResourceRecordSets", "ResourceRecordSet");
  for (const Fields& element : elements) {
    RecordSet record = read_record_set(element);
    const bool is_wanted = record.name == wanted && (type.empty() || record.type == type);
    past = past || !is_wanted;
    if (is_wanted) records.push_back(std::move(record));
  }
  const bool is_truncated = may_go_on(root, elements.size());
  YTB_TRY(check(call, answer, problem));
  if (is_truncated && !past) return too_many(call, answer, wanted);
  return records;
}

Result<ChangeInfo> Route53::change_resource_record_set(const std::string& zone_id, RecordAction action,
                                                       const RecordSet& record, const std::string& comment) {
  YTB_CHECK_MSG(record.alias_target.empty() && record.set_identifier.empty(),
                "only simple records are changed");
  Call call = route53("ChangeResourceRecordSets", Effect::kRepeatable, "POST",
                      "/hostedzone/" + uri_encode(bare_id(zone_id)) + "/rrset/");
  call.headers = {{"Content-Type", "application/xml"}};
  RecordSet normal = record;
  normal.name = normal_name(record.name);
  call.body = change_document(action, normal, comment);
  YTB_ASSIGN(Answer raw, caller_.call(call));
  YTB_ASSIGN(const XmlAnswer answer,
             XmlAnswer::parse(call, std::move(raw), "ChangeResourceRecordSetsResponse"));
  Problem problem;
  ChangeInfo change = read_change(answer.root(problem).child("ChangeInfo"), problem);
  YTB_TRY(check(call, answer, problem));
  return change;
}

Result<std::optional<ChangeInfo>> Route53::get_change(const std::string& id) {
  Call call = route53("GetChange", Effect::kReads, "GET", "/change/" + uri_encode(bare_id(id)));
  call.expected = {{.code = "NoSuchChange"}};
  YTB_ASSIGN(Answer raw, caller_.call(call));
  YTB_ASSIGN(const XmlAnswer answer, XmlAnswer::parse(call, std::move(raw), "GetChangeResponse"));
  if (answer.has_fault()) return std::optional<ChangeInfo>();
  Problem problem;
  ChangeInfo change = read_change(answer.root(problem).child("ChangeInfo"), problem);
  YTB_TRY(check(call, answer, problem));
  return std::optional<ChangeInfo>(std::move(change));
}

}  // namespace ytb::aws
