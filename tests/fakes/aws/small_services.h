// The services of which we use a call or two: Secrets Manager, SSM, S3, EC2, IAM. One file each. What a test
// calls itself takes the world's mutex, under which requests are answered.
#pragma once

#include <set>

#include "tests/fakes/aws/world.h"

namespace ytb::fakes::aws {

class SecretsManager final : public Service {
 public:
  explicit SecretsManager(World& world);
  void seed(const std::string& name, const std::string& value);
  // "" where there is no such secret.
  [[nodiscard]] std::string value(const std::string& name) const;

 private:
  struct Secret {
    std::string arn, value, version;
    Instant created;
  };
  Secret& named(const std::string& id, std::string& name);
  World& world_;
  std::map<std::string, Secret> secrets_;
};

class Ssm final : public Service {
 public:
  explicit Ssm(World& world);
  // `type`: String or SecureString; the latter's value is ciphertext without WithDecryption.
  void seed(const std::string& name, const std::string& value, const std::string& type);

 private:
  struct Parameter {
    std::string value, type;
    int version = 1;
    Instant changed;
  };
  World& world_;
  std::map<std::string, Parameter> parameters_;
};

// Path-style addresses. No ranges, versions or multipart uploads: they are refused.
class S3 final : public Service {
 public:
  explicit S3(World& world);
  void seed_bucket(const std::string& name) {
    std::lock_guard lock(world_.mutex);
    buckets_[name];
  }
  void put(const std::string& bucket, const std::string& key, const std::string& body);
  [[nodiscard]] std::optional<std::string> get(const std::string& bucket, const std::string& key) const;
  [[nodiscard]] std::vector<std::string> keys(const std::string& bucket) const;

 private:
  struct Object {
    std::string body, etag, type;
    std::string sha256;  // base64; "": it was written without
    json metadata;
    Instant modified;
  };
  using Bucket = std::map<std::string, Object>;
  // With all that S3 sets itself.
  [[nodiscard]] Object object_of(const std::string& body) const;
  Bucket& bucket_of(Call& call);
  // If-Match and If-None-Match of a write, as S3 has them since 2024.
  static void check_condition(const Call& call, const Bucket& bucket);
  json head(Call& call);
  json list(Call& call);
  World& world_;
  std::map<std::string, Bucket> buckets_;
};

class Ec2 final : public Service {
 public:
  explicit Ec2(World& world);
  // Permissions are JSON in EC2's shape, e.g. [{"IpProtocol":"tcp","FromPort":5432,"ToPort":5432,
  // "UserIdGroupPairs":[{"GroupId":"sg-worker"}]}].
  void seed_group(const std::string& id, const std::string& name, const std::string& ingress,
                  const std::string& egress, const std::string& vpc = "vpc-00000000000000001");
  void seed_subnet(const std::string& id, const std::string& zone, const std::string& cidr);

 private:
  World& world_;
  std::vector<json> groups_, subnets_;
};

class Iam final : public Service {
 public:
  using Decide = std::function<bool(const std::string& principal, const std::string& action,
                                    const std::string& resource)>;
  explicit Iam(World& world);
  // What SimulatePrincipalPolicy answers; without it everything is allowed. Of what is done it binds logins
  // to databases (rds-db:connect) and which snapshot is restored.
  void decide_by(Decide decide) {
    std::lock_guard lock(world_.mutex);
    decide_ = std::move(decide);
  }
  [[nodiscard]] bool allows(const std::string& principal, const std::string& action,
                            const std::string& resource) const {
    std::lock_guard lock(world_.mutex);
    return decide_ == nullptr || decide_(principal, action, resource);
  }
  void seed_role(const std::string& name) {
    std::lock_guard lock(world_.mutex);
    roles_.insert(name);
  }

 private:
  World& world_;
  std::set<std::string> roles_;
  Decide decide_;
};

}  // namespace ytb::fakes::aws
