#include "aws/storm/breakages.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "drivers/aws/hosted_zone.h"
#include "drivers/aws/sigv4.h"

namespace ytb::storm {

using model::Copy;
using model::OwnedCopy;
using model::Phase;

namespace {

// --- the host ---

// All as the real host does it; a mistake overrides one call.
class WrappedHost : public ports::CopyHost {
 public:
  WrappedHost(std::unique_ptr<ports::CopyHost> real, Process& process, StormWorld& world)
      : real_(std::move(real)), process_(process), world_(world) {}
  Result<std::vector<Copy>> list() override { return real_->list(); }
  Result<std::vector<model::Attempt>> attempts() override { return real_->attempts(); }
  Result<ports::SpaceEstimate> estimate(const model::Snapshot& snapshot, bool remembers) override {
    return real_->estimate(snapshot, remembers);
  }
  Status restore(const ports::RestoreRequest& request, ports::Progress& progress,
                 const StopFlag& stop) override {
    return real_->restore(request, progress, stop);
  }
  Status record_phase(const OwnedCopy& copy, Phase phase, std::string_view reason) override {
    return real_->record_phase(copy, phase, reason);
  }
  Status record_failure(const OwnedCopy& copy, const Error& error) override {
    return real_->record_failure(copy, error);
  }
  Status record_inputs(const OwnedCopy& copy, std::string_view inputs) override {
    return real_->record_inputs(copy, inputs);
  }
  Status record_attempt(const model::Attempt& attempt) override { return real_->record_attempt(attempt); }
  Status store_evidence(const OwnedCopy& copy, const model::Evidence& evidence) override {
    return real_->store_evidence(copy, evidence);
  }
  Result<model::Evidence> load_evidence(const model::CopyId& copy) override {
    return real_->load_evidence(copy);
  }
  Status store_proof(const OwnedCopy& copy, const model::SealedProof& proof) override {
    return real_->store_proof(copy, proof);
  }
  Result<model::SealedProof> load_proof(const model::CopyId& copy) override {
    return real_->load_proof(copy);
  }
  Result<std::string> instance_of(const model::CopyId& copy) override { return real_->instance_of(copy); }
  Result<ports::SessionTarget> session(const OwnedCopy& copy) override { return real_->session(copy); }
  Result<std::string> spool_directory(const OwnedCopy& copy) override { return real_->spool_directory(copy); }
  Status open(const OwnedCopy& copy, const model::PassedProof& proof,
              const std::vector<ports::AccessGrant>& grants, ports::Progress& progress) override {
    return real_->open(copy, proof, grants, progress);
  }
  Status start(const OwnedCopy& copy) override { return real_->start(copy); }
  Status remove(const OwnedCopy& copy, const std::optional<model::Attempt>& tombstone,
                ports::Progress& progress) override {
    return real_->remove(copy, tombstone, progress);
  }

 protected:
  std::unique_ptr<ports::CopyHost> real_;
  Process& process_;
  StormWorld& world_;
};

// The phase's tag is the proof: whoever may write tags opens doors.
class OpensByTagAlone final : public WrappedHost {
 public:
  using WrappedHost::WrappedHost;
  Result<std::vector<Copy>> list() override {
    YTB_ASSIGN(std::vector<Copy> copies, real_->list());
    for (Copy& copy : copies) copy.proven |= copy.marked && copy.phase == Phase::kProven;
    return copies;
  }
  Result<model::SealedProof> load_proof(const model::CopyId& copy) override {
    Result<model::SealedProof> there = real_->load_proof(copy);
    if (there.ok()) return there;
    YTB_ASSIGN(model::Proof proof, vouched(copy));
    return model::seal(proof, world_.settings().signing_key);
  }
  Status open(const OwnedCopy& copy, const model::PassedProof& proof,
              const std::vector<ports::AccessGrant>& grants, ports::Progress& progress) override {
    Status opened = real_->open(copy, proof, grants, progress);
    if (opened.ok() || opened.error().code != Code::kProof) return opened;
    YTB_ASSIGN(auto outcome,
               process_.stacks.update_stack({.name = copy.id().str(),
                                             .parameters = {{"Groups", "sg-quarantine,sg-staging"}},
                                             .previous_parameters = {"Snapshot"}}));
    (void)outcome;
    return {};
  }

 private:
  Result<model::Proof> vouched(const model::CopyId& copy) {
    model::Proof proof;
    proof.production = model::ProductionName("shop");
    proof.copy = copy;
    YTB_ASSIGN(proof.instance, real_->instance_of(copy));
    proof.checks = {
        {.name = "tag", .asserts = "it says so", .outcome = model::Outcome::kPassed, .detail = {}}};
    proof.evidence.inputs = world_.mind.inputs_digest();
    return proof;
  }
};

class NamesFromNow final : public WrappedHost {
 public:
  using WrappedHost::WrappedHost;
  Status restore(const ports::RestoreRequest& request, ports::Progress& progress,
                 const StopFlag& stop) override {
    ports::RestoreRequest renamed = request;
    renamed.snapshot.data_as_of = process_.clock.now();
    renamed.copy = model::copy_id(request.production, renamed.snapshot.data_as_of, request.attempt);
    return real_->restore(renamed, progress, stop);
  }
};

// Tidies up whatever is called as ours are.
class DeletesByPrefix final : public WrappedHost {
 public:
  using WrappedHost::WrappedHost;
  Status remove(const OwnedCopy& copy, const std::optional<model::Attempt>& tombstone,
                ports::Progress& progress) override {
    YTB_TRY(real_->remove(copy, tombstone, progress));
    std::vector<std::string> names;
    YTB_ASSIGN(std::vector<Copy> ours, real_->list());
    YTB_TRY(process_.stacks.describe_stacks("", [&](const aws::Stack& stack) -> Status {
      const bool is_kept = std::any_of(ours.begin(), ours.end(), [&](const Copy& each) {
        return each.marked && each.id.str() == stack.name;
      });
      if (stack.name.starts_with("shop-yesterday-") && !is_kept) names.push_back(stack.name);
      return {};
    }));
    for (const std::string& name : names) YTB_TRY(process_.stacks.delete_stack(name));
    return {};
  }
};

// A name that is taken must be a left-over of ours: it is cleared away and made anew.
class TakesWhatIsThereForOurs final : public WrappedHost {
 public:
  using WrappedHost::WrappedHost;
  Status restore(const ports::RestoreRequest& request, ports::Progress& progress,
                 const StopFlag& stop) override {
    Status status = real_->restore(request, progress, stop);
    if (status.ok() || status.error().code != Code::kRefused) return status;
    return process_.stacks.delete_stack(request.copy.str());
  }
};

class RestoresAgainInDoubt final : public WrappedHost {
 public:
  using WrappedHost::WrappedHost;
  Status restore(const ports::RestoreRequest& request, ports::Progress& progress,
                 const StopFlag& stop) override {
    Status status = real_->restore(request, progress, stop);
    if (status.ok() || status.error().retry == Retry::kNever) return status;
    ports::RestoreRequest again = request;
    ++again.attempt;
    again.copy = model::copy_id(again.production, again.snapshot.data_as_of, again.attempt);
    return real_->restore(again, progress, stop);
  }
};

// --- the name ---

class WrappedAlias : public ports::AliasStore {
 public:
  WrappedAlias(std::unique_ptr<ports::AliasStore> real, Process& process, StormWorld& world)
      : real_(std::move(real)), process_(process), world_(world) {}
  Result<model::AliasState> read() override { return real_->read(); }
  Status repoint(const model::PassedProof& proof, const Copy& copy) override {
    return real_->repoint(proof, copy);
  }
  Status remove() override { return real_->remove(); }

 protected:
  Result<std::string> zone() {
    YTB_ASSIGN(const aws::HostedZone found, aws::hosted_zone_of(process_.route53, "", "mysite.com"));
    return found.id;
  }
  std::unique_ptr<ports::AliasStore> real_;
  Process& process_;
  StormWorld& world_;
};

// What Route 53 has taken down counts as moved, whether it has told its servers or not.
class PendingIsSeen final : public WrappedAlias {
 public:
  using WrappedAlias::WrappedAlias;
  Result<model::AliasState> read() override {
    YTB_ASSIGN(model::AliasState state, real_->read());
    state.seen = state.target.has_value();
    return state;
  }
  Status repoint(const model::PassedProof&, const Copy& copy) override {
    YTB_ASSIGN(std::string id, zone());
    YTB_ASSIGN(std::optional<aws::DbInstance> instance, process_.rds.describe_db_instance(copy.id.str()));
    if (!instance || !instance->endpoint) {
      return Error{
          .code = Code::kConnection, .message = "no endpoint yet", .hint = {}, .retry = Retry::kLater};
    }
    YTB_ASSIGN(aws::ChangeInfo change,
               process_.route53.change_resource_record_set(id, aws::RecordAction::kUpsert,
                                                           {.name = StormWorld::kName,
                                                            .type = "CNAME",
                                                            .ttl_s = StormWorld::kTtlSeconds,
                                                            .values = {instance->endpoint->address}}));
    (void)change;
    return {};
  }
};

// Removed, then made anew: a gap.
class TakesTheNameAwayFirst final : public WrappedAlias {
 public:
  using WrappedAlias::WrappedAlias;
  Status repoint(const model::PassedProof& proof, const Copy& copy) override {
    YTB_TRY(real_->remove());
    return real_->repoint(proof, copy);
  }
};

// --- on the wire: what our own drivers would have sent ---

void sign_anew(http::Request& request, std::string_view service) {
  std::erase_if(request.headers,
                [](const auto& header) { return to_lower_ascii(header.first) == "content-length"; });
  const fakes::aws::Identity identity;
  // At the time that the request says it is of.
  std::string date(*http::find_header(request.headers, "x-amz-date"));
  const std::string iso = date.substr(0, 4) + "-" + date.substr(4, 2) + "-" + date.substr(6, 5) + ":" +
                          date.substr(11, 2) + ":" + date.substr(13, 3);
  request = aws::sign(std::move(request),
                      {.access_key_id = identity.access_key,
                       .secret_access_key = Secret(identity.secret_key),
                       .session_token = {},
                       .expires_at = {},
                       .source = "test"},
                      "eu-west-1", service, *from_iso(iso));
}

bool replace(std::string& text, std::string_view what, std::string_view with) {
  const size_t at = text.find(what);
  if (at == std::string::npos) return false;
  text.replace(at, what.size(), with);
  return true;
}

// The copy's own backups stay as they were inherited, and nobody looks.
void leaves_retention(Process& process, StormWorld&) {
  process.wire.before = [](http::Request& request, const std::string& operation) -> Status {
    if (operation == "ModifyDBInstance" && replace(request.body, "&BackupRetentionPeriod=0", ""))
      sign_anew(request, "rds");
    // A parameter group of its own makes CloudFormation modify what it has restored: that would help by
    // chance.
    if (operation == "CreateStack" &&
        replace(request.body, "%22BackupRetentionPeriod%22%3A%200", "%22BackupRetentionPeriod%22%3A%2035"))
      sign_anew(request, "cloudformation");
    return {};
  };
  process.wire.after = [](http::Response& response, const std::string& operation) -> Status {
    constexpr std::string_view kInherited = "<BackupRetentionPeriod>35</BackupRetentionPeriod>";
    while (operation == "DescribeDBInstances" &&
           replace(response.body, kInherited, "<BackupRetentionPeriod>0</BackupRetentionPeriod>")) {
    }
    return {};
  };
}

void opens_at_creation(Process& process, StormWorld&) {
  process.wire.before = [](http::Request& request, const std::string& operation) -> Status {
    if (operation == "CreateStack" &&
        replace(request.body, "ParameterValue=sg-quarantine", "ParameterValue=sg-quarantine%2Csg-staging"))
      sign_anew(request, "cloudformation");
    return {};
  };
}

template <typename Host>
Options with_host() {
  return {.spoil = [](Process& process, StormWorld& world) {
    process.host = std::make_unique<Host>(std::move(process.host), process, world);
  }};
}

template <typename Alias>
Options with_alias() {
  return {.spoil = [](Process& process, StormWorld& world) {
    process.alias = std::make_unique<Alias>(std::move(process.alias), process, world);
  }};
}

}  // namespace

std::vector<Breakage> breakages() {
  return {
      {"opens_by_tag_alone", {"closed_door", "guard"}, with_host<OpensByTagAlone>()},
      {"name_from_now", {"names"}, with_host<NamesFromNow>()},
      {"delete_by_prefix", {"hands_off"}, with_host<DeletesByPrefix>()},
      {"what_is_there_is_ours", {"hands_off"}, with_host<TakesWhatIsThereForOurs>()},
      {"restore_again_in_doubt", {"no_litter", "names"}, with_host<RestoresAgainInDoubt>()},
      {"pending_counts_as_seen", {"no_gap"}, with_alias<PendingIsSeen>()},
      {"the_name_is_taken_away_first", {"no_gap"}, with_alias<TakesTheNameAwayFirst>()},
      {"retention_is_left_as_inherited", {"closed_door"}, {.spoil = leaves_retention}},
      {"staging_group_at_creation", {"closed_door"}, {.spoil = opens_at_creation}},
  };
}

}  // namespace ytb::storm
