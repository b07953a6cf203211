#!/usr/bin/env bash
# Builds the function's zip, puts it into your bucket and deploys template.yaml. Run again to update.
# For several databases behind one function: --base once, which deploys base.yaml, then --base-stack for each of them, which
# deploys production.yaml.
#
#   deploy/aws/deploy.sh --bucket BUCKET --db shop --zone Z123 --record shop-yesterday.example.com \
#       --vpc vpc-1 --subnets subnet-1,subnet-2 [options]
#   deploy/aws/deploy.sh --base --bucket BUCKET --vpc vpc-1 --subnets subnet-1,subnet-2 [options]
#   deploy/aws/deploy.sh --base-stack yesterdaytabase --bucket BUCKET --db shop --zone Z123 --record shop-yesterday.example.com [options]
#
#   --bucket NAME         your bucket for code, in the same region
#   --db NAME             production's DBInstanceIdentifier, or DBClusterIdentifier
#   --zone ID             the hosted zone, and
#   --record NAME         the stable name in it
#   --vpc ID              where copies live
#   --subnets A,B         private subnets there
#   --config-json FILE    the config.json of the project before this one, packed into the zip: it names the database, --db and
#                         --record need not be given, and no config is read from the bucket. Checked before the upload
#   --production NAME     its name in the config; else as --db, in lower case. What is too long for the copies' names is
#                         shortened as they are
#   --stack NAME          yesterdaytabase-<production>: the deployment's name; one for each production. With --base: yesterdaytabase
#   --base                the function, its bucket and network, for several productions
#   --base-stack NAME     the stack that --base made; this one is a production's beside it
#   --region NAME         else AWS_REGION, AWS_DEFAULT_REGION, or the profile's
#   --image REPOSITORY    ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME: also builds and pushes the container image, for the task
#   --rds-ca FILE         RDS's certificate authorities; else fetched from AWS's trust store
#   --upload FILE         puts it into the deployment's bucket as config/<its name>; may be given several times:
#                         yesterdaytabase.yaml, policy.yaml, policy.lock
#   --parameter NAME=VALUE   any other parameter of the template; may be given several times
#   --dry-run             says every command and runs none
#
# Secrets are never given here: the template makes them, or takes those that are there (Secrets=existing).
set -euo pipefail
cd "$(dirname "$0")/../.."

rds_ca_url=https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem
dry_run='' kind=whole base_stack='' bucket='' db='' zone='' record='' vpc='' subnets='' production='' stack='' image='' rds_ca='' config_json=''
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-}}
uploads=() parameters=()

fail() {
  echo "deploy: $1" >&2
  [ -z "${2:-}" ] || echo "hint: $2" >&2
  exit "${3:-1}"
}
usage() { sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' deploy/aws/deploy.sh; }

while [ $# -gt 0 ]; do
  option=$1
  case $option in
    --dry-run) dry_run=1 && shift && continue ;;
    --base) kind=base && shift && continue ;;
    -h | --help) usage && exit 0 ;;
    --base-stack | --bucket | --db | --zone | --record | --vpc | --subnets | --production | --stack | --region | --image | --rds-ca | \
      --config-json | --upload | --parameter) ;;
    *) fail "there is no option '$option'" "deploy/aws/deploy.sh --help says which there are" 2 ;;
  esac
  if [ $# -lt 2 ] || [ -z "$2" ]; then fail "$option needs a value" "" 2; fi
  case $option in
    --base-stack) base_stack=$2 kind=production ;;
    --bucket) bucket=$2 ;;
    --db) db=$2 ;;
    --zone) zone=$2 ;;
    --record) record=$2 ;;
    --vpc) vpc=$2 ;;
    --subnets) subnets=$2 ;;
    --production) production=$2 ;;
    --stack) stack=$2 ;;
    --region) region=$2 ;;
    --image) image=$2 ;;
    --rds-ca) rds_ca=$2 ;;
    --config-json) config_json=$2 ;;
    --upload) uploads+=("$2") ;;
    --parameter)
      [[ $2 == [A-Za-z]*=* ]] || fail "'$2' is no NAME=VALUE" "" 2
      parameters+=("$2")
      ;;
  esac
  shift 2
done

for file in ${uploads[@]+"${uploads[@]}"} ${rds_ca:+"$rds_ca"} ${config_json:+"$config_json"}; do
  [ -f "$file" ] || fail "$file is not there" "" 2
done
# The program itself judges the file before it is packed (tools/lambda-zip). Here only what the rest follows from.
if [ -n "$config_json" ]; then
  [ "$kind" = whole ] ||
    fail "--config-json is for one database in one stack" "with --base productions are named in yesterdaytabase.yaml" 2
  for parameter in ${parameters[@]+"${parameters[@]}"}; do
    case $parameter in
      ConfigReference=none) ;;
      ConfigReference=* | SourceConfiguration=*)
        fail "${parameter%%=*} would be read instead of $config_json" "leave one of them out" 2 ;;
    esac
  done
  read_config='import json, sys
config = json.load(open(sys.argv[1], encoding="utf-8"))
config = config.get("config", config)
print(config["db"]["name"], config["domain"].rstrip("."))'
  read -r config_db config_domain < <(python3 -c "$read_config" "$config_json" 2>/dev/null) || true
  [ -n "${config_domain:-}" ] ||
    fail "$config_json does not name domain and db.name" '{"domain": …, "db": {"name": …, "security_group": …, "subnet_group": …}}' 2
  db=${db:-$config_db}
  config_domain=${config_domain,,}
  [ "${db,,}" = "${config_db,,}" ] || fail "$config_json is of the database $config_db, and --db of $db" "leave --db out" 2
  record=${record:-${db,,}-yesterday.$config_domain}
  [[ ${record,,} == *".$config_domain" ]] || fail "the record $record is not in $config_json's domain $config_domain" "--record" 2
  if [ -n "$production" ] && [ "${production,,}" != "${db,,}" ]; then
    fail "copies of $config_json's database are called after it, not after $production" "leave --production out" 2
  fi
  parameters+=(ConfigReference=none 'SourceConfiguration={}')
fi
case $kind in
  whole) needed=(bucket db zone record vpc subnets) ;;
  base) needed=(bucket vpc subnets) ;;
  production) needed=(bucket db zone record) ;;
esac
if [ "$kind" = production ]; then
  for name in vpc subnets image rds_ca; do
    [ -z "${!name}" ] || fail "--${name/_/-} is the base's, and not a production's" "leave it out; ImageUri goes with --parameter" 2
  done
fi
if [ "$kind" = base ]; then
  for name in db zone record production; do
    [ -z "${!name}" ] || fail "--$name is a production's, and not the base's" "deploy it beside the base with --base-stack" 2
  done
fi
for name in "${needed[@]}"; do
  [ -n "${!name}" ] || fail "--$name is missing" "deploy/aws/deploy.sh --help says what it is" 2
done
# RDS keeps identifiers in lower case, whatever people write, and so do ARNs and records.
db=${db,,}
record=${record,,}
production=${production:-$db}
production=${production,,}
case $production in
  due | turns | yesterday*)
    fail "a production may not be called '$production': the function uses that name itself" "--production NAME, as in the config" 2 ;;
  *-yesterday* | *-sanitized*)
    fail "a production may not be called '$production': another one's copies could be" "--production NAME without -yesterday and -sanitized, as in the config" 2 ;;
esac
# As src/drivers/rds/stack_names.cc shortens what begins a copy's names: the template takes no longer one, and would say so
# only after the upload.
part_max=25
if [ "$kind" = production ] && [ "${#production}" -gt "$part_max" ]; then
  fail "'$production' has more than $part_max characters" "--production NAME, as in the config" 2
fi
if [ "${#production}" -gt "$part_max" ] || [[ $production == *--* || $production == *- ]]; then
  kept=''
  for ((i = 0; i < ${#production} && ${#kept} < part_max - 9; i++)); do
    [[ ${production:i:1} == - && $kept == *- ]] || kept+=${production:i:1}
  done
  while [[ $kept == *- ]]; do kept=${kept%-}; done
  production=$kept-$(printf %s "$production" | sha256sum | cut -c1-8)
fi
[ "$kind" = base ] || [[ $production =~ ^[a-z](-?[a-z0-9])*$ ]] || fail "'$production' is not a name for copies: a letter first, then letters, digits, single dashes" \
  "--production NAME, as in the config" 2
stack=${stack:-yesterdaytabase${production:+-$production}}
[ "${#stack}" -le 64 ] || fail "the stack's name '$stack' has more than 64 characters, which a function's may have" "--stack NAME" 2
case " ${parameters[*]-} " in
  *" Network=endpoints "*)
    # S3 is reached through a gateway in the route tables; the function would wait for it until it is stopped.
    [[ " ${parameters[*]} " == *" RouteTableIds="* ]] || fail "Network=endpoints without RouteTableIds: S3 is reached through their gateway" \
      "--parameter RouteTableIds=rtb-…,rtb-… of the subnets, or --parameter RouteTableIds= where the VPC has a gateway to S3 already" 2
    ;;
esac
case $(uname -m) in
  x86_64) architecture=x86_64 ;;
  aarch64) architecture=arm64 ;;
  *) fail "Lambda runs x86_64 and arm64, not $(uname -m)" ;;
esac

# Says a command as one could type it, and runs it unless this is a rehearsal.
run() {
  printf '+' >&2
  printf ' %q' "$@" >&2
  printf '\n' >&2
  [ -n "$dry_run" ] || "$@"
}

if [ -z "$dry_run" ]; then
  command -v aws >/dev/null || fail "the AWS command line is not installed" "apt-get install awscli, or AWS's own"
  command -v python3 >/dev/null || fail "python3, which packs the zip, is not installed" "tools/setup"
  [ -n "$rds_ca" ] || command -v curl >/dev/null || fail "curl is not installed" "give --rds-ca FILE: $rds_ca_url"
  [ -z "$image" ] || command -v docker >/dev/null || fail "docker, which builds the image, is not installed" "leave --image out"
  region=${region:-$(aws configure get region || true)}
  [ -n "$region" ] || fail "no region is set" "--region eu-west-1"
  account=$(aws sts get-caller-identity --query Account --output text) || fail "AWS does not know these credentials" "aws configure"
  place=$(aws s3api get-bucket-location --bucket "$bucket" --query LocationConstraint --output text) ||
    fail "the bucket $bucket is not yours to look at" "aws s3 mb s3://$bucket --region $region"
  case $place in None | null) place=us-east-1 ;; EU) place=eu-west-1 ;; esac
  [ "$place" = "$region" ] || fail "the bucket $bucket is in $place, and $region is deployed to: Lambda reads code of its own region" \
    "another --bucket, or --region $place"
else
  region=${region:-REGION}
  account=ACCOUNT
fi
# GovCloud and China have bundles of their own, and China another ending of names.
suffix=amazonaws.com
case $region in
  us-gov-*) rds_ca_url=https://truststore.pki.us-gov-west-1.rds.amazonaws.com/global/global-bundle.pem ;;
  cn-*) suffix=amazonaws.com.cn rds_ca_url=https://rds-truststore.s3.cn-north-1.amazonaws.com.cn/global/global-bundle.pem ;;
esac
if [ -n "$image" ] && [ -z "$dry_run" ] && [[ $image != *".dkr.ecr.$region.$suffix/"* ]]; then
  fail "$image is no ECR repository of $region" "--image $account.dkr.ecr.$region.$suffix/yesterdaytabase"
fi

cat <<PLAN
This will, in account $account, region $region:
PLAN
if [ "$kind" = production ]; then
  echo "  - create or update the stack $stack (IAM roles among it), beside $base_stack: for the database $db, which it never changes,"
  echo "    under the name $record"
else
  echo "  - upload the function's code to s3://$bucket/yesterdaytabase/"
  [ -z "$image" ] || echo "  - build the container image and push it to $image"
  echo "  - create or update the stack $stack (IAM roles among it)${db:+: for the database $db, which it never changes,}"
  [ -z "$record" ] || echo "    under the name $record"
fi
echo "  - put ${#uploads[@]} file(s) into the deployment's own bucket, which it makes"

given=()
if [ "$kind" != production ]; then
  mkdir -p build/lambda
  if [ -z "$rds_ca" ]; then
    rds_ca=build/lambda/rds-ca.pem
    run curl -fsS --proto '=https' --max-time 60 -o "$rds_ca" "$rds_ca_url"
  fi
  run tools/lambda-zip --out build/lambda/yesterdaytabase.zip --rds-ca "$rds_ca" ${config_json:+--config-json "$config_json"}
  # By its content: another code is another key, which is what makes CloudFormation update the function.
  digest=DIGEST
  [ -n "$dry_run" ] || digest=$(sha256sum build/lambda/yesterdaytabase.zip | cut -c1-16)
  key=yesterdaytabase/$digest-$architecture.zip
  run aws s3 cp --region "$region" --only-show-errors build/lambda/yesterdaytabase.zip "s3://$bucket/$key"
  given+=("VpcId=$vpc" "Subnets=$subnets" "CodeBucket=$bucket" "CodeKey=$key" "Architecture=$architecture")
fi

if [ -n "$image" ]; then
  image_uri=$image:$digest-$architecture
  [ "$rds_ca" = build/lambda/rds-ca.pem ] || run cp "$rds_ca" build/lambda/rds-ca.pem
  run docker build -f deploy/container/Dockerfile -t "$image_uri" .
  if [ -n "$dry_run" ]; then
    echo "+ aws ecr get-login-password --region $region | docker login --username AWS --password-stdin ${image%%/*}" >&2
  else
    aws ecr get-login-password --region "$region" | docker login --username AWS --password-stdin "${image%%/*}"
  fi
  run docker push "$image_uri"
  given+=("ImageUri=$image_uri")
fi
case $kind in
  whole) template=template given+=("DbName=$db" "Production=$production" "HostedZoneId=$zone" "RecordName=$record") ;;
  base) template=base ;;
  production)
    template=production
    given+=("Base=$base_stack" "DbName=$db" "Production=$production" "HostedZoneId=$zone" "RecordName=$record" "Architecture=$architecture")
    ;;
esac

# What is not said keeps the value that the stack has; the template is larger than a call may be, so it goes through the bucket.
run aws cloudformation deploy --region "$region" --stack-name "$stack" --template-file "deploy/aws/$template.yaml" \
  --s3-bucket "$bucket" --s3-prefix yesterdaytabase --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset \
  --parameter-overrides "${given[@]}" ${parameters[@]+"${parameters[@]}"}

outputs=(aws cloudformation describe-stacks --region "$region" --stack-name "$stack")
if [ "${#uploads[@]}" -gt 0 ]; then
  own_bucket=BUCKET-OF-THE-STACK
  [ -n "$dry_run" ] || own_bucket=$(aws cloudformation describe-stacks --region "$region" --stack-name "${base_stack:-$stack}" --query "Stacks[0].Outputs[?OutputKey=='BucketName'].OutputValue" --output text)
  for file in "${uploads[@]}"; do
    run aws s3 cp --region "$region" --only-show-errors "$file" "s3://$own_bucket/config/$(basename "$file")"
  done
fi
run "${outputs[@]}" --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' --output text
if [ "$kind" = base ]; then
  echo "next: deploy each production with --base-stack $stack${image:+ --parameter ImageUri=$image_uri}"
elif [ "$kind" = production ]; then
  echo "next: put these values into productions.$production of the config (docs/guide-aws.md, several databases), upload it, and invoke $base_stack with {\"action\":\"plan\",\"production\":\"$production\"}"
elif [ -n "$config_json" ]; then
  echo "next: invoke $stack with {\"action\":\"plan\"}; without PolicyReference copies stay closed, and the answer says where a policy is proposed"
else
  echo "next: put these values into the config (docs/guide-aws.md, step 3), upload it, and invoke $stack with {\"action\":\"plan\"}"
fi
