#!/usr/bin/env bash
# Asks an AWS account what AWS's documentation leaves open and this project could not try, and changes nothing.
#
#   deploy/aws/probe.sh [--db NAME] [--region NAME] [--report FILE] [--dry-run]
#
#   --db NAME         a DBInstanceIdentifier, production's, say: what its volume may become is asked about, too
#   --region NAME     else AWS_REGION, AWS_DEFAULT_REGION, or the profile's
#   --report FILE     also writes what it found into FILE, for a report to the project
#   --dry-run         says every command and runs none
#
# Only Describe, List and Get: the policy ReadOnlyAccess is enough. It takes about a minute and costs
# nothing. No name, address or account number stands in what it prints at the end: counts, versions and yes or no.
# What each question is about: docs/guide-aws.md, "Not tried on AWS".
set -euo pipefail
cd "$(dirname "$0")/../.."

db='' report='' dry_run=''
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-}}

fail() {
  echo "probe: $1" >&2
  [ -z "${2:-}" ] || echo "hint: $2" >&2
  exit "${3:-1}"
}

while [ $# -gt 0 ]; do
  case $1 in
    --dry-run) dry_run=1 && shift && continue ;;
    -h | --help) sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' deploy/aws/probe.sh && exit 0 ;;
    --db | --region | --report) ;;
    *) fail "there is no option '$1'" "deploy/aws/probe.sh --help says which there are" 2 ;;
  esac
  if [ $# -lt 2 ] || [ -z "$2" ]; then fail "$1 needs a value" "" 2; fi
  case $1 in
    --db) db=$2 ;;
    --region) region=$2 ;;
    --report) report=$2 ;;
  esac
  shift 2
done
[[ -z $db || $db =~ ^[A-Za-z][A-Za-z0-9-]*$ ]] || fail "'$db' is no name of a database" "its identifier, not its ARN" 2
if [ -z "$dry_run" ]; then
  command -v aws >/dev/null || fail "the AWS command line is not installed" "apt-get install awscli, or AWS's own"
  region=${region:-$(aws configure get region || true)}
  [ -n "$region" ] || fail "no region is set" "--region eu-west-1" 2
fi
export AWS_PAGER='' AWS_REGION=${region:-REGION} AWS_DEFAULT_REGION=${region:-REGION}
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

# Asks AWS, and leaves the words of the answer in $said; where it refuses, its code there and status 1. As JSON, for as text
# a query would be answered for each page.
ask() {
  printf '+ aws' >&2
  printf ' %q' "$@" >&2
  printf '\n' >&2
  said=''
  if [ -n "$dry_run" ]; then return 1; fi
  if said=$(aws "$@" --output json 2>"$errors"); then
    said=$(tr -d '"[]' <<<"$said" | tr -s ',\n ' ' ' | sed 's/^ //; s/ $//; s/^null$//')
    return 0
  fi
  # "An error occurred (CODE) when calling …"; else the command line does not know what it was asked.
  said=$(sed -n 's/.*An error occurred (\([A-Za-z.]*\)).*/\1/p' "$errors" | head -n 1)
  if [ -z "$said" ]; then
    said='no answer'
    ! grep -qi 'invalid choice\|unknown options\|usage:' "$errors" || said='this aws does not know it'
  fi
  return 1
}

lines=()
# What is asked, what this project takes for true, what was found.
found() { lines+=("$(printf '%s\n    taken for true: %s\n    found:          %s' "$1" "$2" "$3")"); }
# Of a count in $said.
yes_or_no() { if [[ $said =~ ^[0-9]+$ ]] && ((said > 0)); then echo yes; else echo no; fi; }
# Asks for a count, and finds "yes", "no", or that it was refused.
whether() {
  local question=$1 taken=$2
  shift 2
  if ask "$@"; then found "$question" "$taken" "$(yes_or_no)"; else found "$question" "$taken" "refused: $said"; fi
}
# Asks for something, and finds it as it is.
what() {
  local question=$1 taken=$2
  shift 2
  if ask "$@"; then found "$question" "$taken" "${said:-nothing}"; else found "$question" "$taken" "refused: $said"; fi
}

if ! ask sts get-caller-identity --query Account && [ -z "$dry_run" ]; then
  fail "AWS does not know these credentials ($said)" "aws configure, or AWS_PROFILE=… deploy/aws/probe.sh"
fi

# Of whom: "an instance" or "a cluster"; what lists them; the list in its answer; the two keys in there; the options for these.
shared_snapshots() {
  local a=$1 of=${1#* } call=$2 list=$3 arn_key=$4 source_key=$5 snapshot_option=$6 source_option=$7 arn source tags by
  if ! ask rds "$call" --snapshot-type shared --query "${list}[0].[$arn_key,$source_key,length(TagList || \`[]\`)]"; then
    found "Are shared snapshots of ${of}s listed?" yes "refused: $said"
    return
  fi
  if [[ $said != arn:* ]]; then
    found "Are shared snapshots of ${of}s listed?" yes 'there is none here: share one with this account, and ask again'
    return
  fi
  read -r arn source tags <<<"$said"
  for by in '--snapshot-type shared' --include-shared; do
    # shellcheck disable=SC2086 # an option and its value
    whether "Is a shared snapshot of $a shown to who names it by its ARN, with $by?" \
      "$([ "$by" = --include-shared ] && echo 'either' || echo yes)" \
      rds "$call" "$snapshot_option" "$arn" $by --query "length($list)"
  done
  whether "Is it shown to who names the $of it is of, with --include-shared?" no \
    rds "$call" "$source_option" "$source" --include-shared --query "length(${list}[?$arn_key=='$arn'])"
  found "Are its tags shown to whom it is shared with?" no "$([ "${tags:-0}" = 0 ] && echo 'no, or it has none' || echo yes)"
}
shared_snapshots 'an instance' describe-db-snapshots DBSnapshots DBSnapshotArn DBInstanceIdentifier \
  --db-snapshot-identifier --db-instance-identifier
shared_snapshots 'a cluster' describe-db-cluster-snapshots DBClusterSnapshots DBClusterSnapshotArn DBClusterIdentifier \
  --db-cluster-snapshot-identifier --db-cluster-identifier

what "Have snapshots of clusters the type awsbackup? (how many)" 'either' \
  rds describe-db-cluster-snapshots --snapshot-type awsbackup --query 'length(DBClusterSnapshots)'
what "Snapshots of Multi-AZ DB clusters of PostgreSQL (how many; whether one is restored into an instance, only a restore tells)" '-' \
  rds describe-db-cluster-snapshots --query "length(DBClusterSnapshots[?Engine=='postgres'])"

# --- volumes
what "Instances and their volumes while they are optimized (how many)" '-' \
  rds describe-db-instances --query "length(DBInstances[?DBInstanceStatus=='storage-optimization'])"
what "Events of the last 14 days that speak of storage optimization (how many)" '-' \
  rds describe-events --source-type db-instance --duration 20160 --query "length(Events[?contains(Message, 'ptimiz')])"
if [ -n "$db" ]; then
  what "What gp3 may be for this database (GiB from, to; IOPS from, to)" 'below 400 GiB the IOPS cannot be said' \
    rds describe-valid-db-instance-modifications --db-instance-identifier "$db" \
    --query "ValidDBInstanceModificationsMessage.Storage[?StorageType=='gp3'].[StorageSize[0].From,StorageSize[0].To,ProvisionedIops[0].From,ProvisionedIops[0].To]"
fi

# --- versions and parameters
for engine in postgres aurora-postgresql; do
  # Standard support of a major ends with the February of 2013 + major (src/drivers/rds/extended_support.cc).
  what "When standard support of each major of $engine ends" '13: 2026-02-28, 14: 2027-02-28, and so on' \
    rds describe-db-major-engine-versions --engine "$engine" \
    --query "DBMajorEngineVersions[].[MajorEngineVersion,SupportedEngineLifecycles[?LifecycleSupportName=='open-source-rds-standard-support']|[0].LifecycleSupportEndDate]"
done
for family in aurora-postgresql15 aurora-postgresql16 aurora-postgresql17; do
  what "May a cluster's group of $family set max_logical_replication_workers (modifiable, values)" 'yes, 0 among them' \
    rds describe-engine-default-cluster-parameters --db-parameter-group-family "$family" \
    --query "EngineDefaults.Parameters[?ParameterName=='max_logical_replication_workers']|[0].[IsModifiable,AllowedValues]"
done

# --- the task and the function
if ask ecs list-clusters --query 'clusterArns[0]' && [ -n "$said" ]; then
  what "Does ListTasks take startedBy together with STOPPED? (how many tasks)" yes \
    ecs list-tasks --cluster "$said" --started-by yesterdaytabase-probe --desired-status STOPPED --query 'length(taskArns)'
else
  found "Does ListTasks take startedBy together with STOPPED?" yes "there is no ECS cluster here${said:+ ($said)}"
fi
what "Lambda's concurrency in this account and region (all; what is not reserved)" '10 at least' \
  lambda get-account-settings --query 'AccountLimit.[ConcurrentExecutions,UnreservedConcurrentExecutions]'

[ -z "$dry_run" ] || exit 0
tell() {
  echo "probe of $(date -u +%Y-%m-%d), $(aws --version 2>/dev/null | cut -d' ' -f1), in $region"
  printf '\n%s\n' "${lines[@]}"
}
[ -z "$report" ] || tell >"$report"
echo
tell
cat <<'END'

Where what was found is not what is taken for true, please report it with the lines above.
END
