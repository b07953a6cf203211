#include "drivers/postgres/definition_reader.h"

#include <fmt/format.h>

#include "drivers/postgres/own_marks.h"
#include "drivers/postgres/rds_session.h"
#include "masking/definitions.h"
#include "masking/text_codec.h"

namespace ytb::postgres {
namespace {

// One text each; what extensions brought is theirs, and what is said of the server's own functions and types
// is the server's. Where the server has thousands of its own, they are left out before their texts are made:
// most of this query's time, and every session asks it. {0}: texts that only later versions have; {1}: a
// function's body, where its text is none; {2}: what we wrote.
constexpr std::string_view kDefinitions = R"sql(
  WITH extension_members AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
  texts (classid, objid, objsubid, part, kind, text) AS (
    SELECT 'pg_attrdef'::regclass, oid, 0, '', 's', pg_get_expr(adbin, adrelid) FROM pg_attrdef
    UNION ALL
    SELECT 'pg_constraint'::regclass, oid, 0, '', 's', pg_get_constraintdef(oid) FROM pg_constraint
    WHERE contype IN ('c', 'x')
    UNION ALL
    SELECT 'pg_type'::regclass, enumtypid, 0, 'labels of ', 's', string_agg(quote_literal(enumlabel), ' ')
    FROM pg_enum GROUP BY enumtypid
    UNION ALL
    SELECT 'pg_type'::regclass, oid, 0, 'default of ', 'p', typdefault FROM pg_type WHERE typdefault IS NOT NULL
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, 0, '', CASE WHEN l.lanname IN ('sql', 'plpgsql') THEN 's' ELSE 'o' END,
           concat_ws(' ', CASE WHEN l.lanname NOT IN ('c', 'internal') THEN p.prosrc END, {1}, array_to_string(p.proconfig, ' '),
           CASE WHEN p.prokind <> 'a' THEN pg_get_function_arguments(p.oid) END)
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.oid >= 16384
    UNION ALL
    SELECT 'pg_class'::regclass, attrelid, attnum, 'value in old rows of ', 'p', attmissingval::text
    FROM pg_attribute WHERE attmissingval IS NOT NULL
    UNION ALL
    SELECT 'pg_proc'::regclass, aggfnoid, 0, 'initial value of ', 'p', concat_ws(' ', agginitval, aggminitval)
    FROM pg_aggregate WHERE agginitval IS NOT NULL OR aggminitval IS NOT NULL
    UNION ALL
    SELECT 'pg_class'::regclass, partrelid, 0, 'partition key of ', 's', pg_get_partkeydef(partrelid)
    FROM pg_partitioned_table
    UNION ALL
    SELECT 'pg_ts_dict'::regclass, oid, 0, 'options of ', 'p', dictinitoption FROM pg_ts_dict
    WHERE dictinitoption IS NOT NULL
    UNION ALL
    SELECT 'pg_event_trigger'::regclass, oid, 0, 'tags of ', 'p', array_to_string(evttags, ' ')
    FROM pg_event_trigger WHERE evttags IS NOT NULL
    UNION ALL
    SELECT 'pg_class'::regclass, oid, 0, '', 's', pg_get_viewdef(oid) FROM pg_class
    WHERE relkind IN ('v', 'm') AND oid >= 16384
    UNION ALL
    SELECT 'pg_class'::regclass, oid, 0, 'bounds of ', 's', pg_get_expr(relpartbound, oid) FROM pg_class
    WHERE relpartbound IS NOT NULL
    UNION ALL
    SELECT 'pg_class'::regclass, indexrelid, 0, '', 's', pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indpred IS NOT NULL OR indexprs IS NOT NULL
    UNION ALL
    SELECT 'pg_policy'::regclass, oid, 0, '', 's',
           concat_ws(' ', pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) FROM pg_policy
    UNION ALL
    SELECT 'pg_trigger'::regclass, oid, 0, '', 's', pg_get_triggerdef(oid) FROM pg_trigger
    WHERE NOT tgisinternal
    UNION ALL
    SELECT 'pg_rewrite'::regclass, oid, 0, '', 's', pg_get_ruledef(oid) FROM pg_rewrite
    WHERE rulename <> '_RETURN'
    UNION ALL
    SELECT 'pg_statistic_ext'::regclass, oid, 0, '', 's', pg_get_statisticsobjdef(oid) FROM pg_statistic_ext
    UNION ALL
    SELECT 'pg_foreign_data_wrapper'::regclass, oid, 0, 'options of ', 'p', array_to_string(fdwoptions, ' ')
    FROM pg_foreign_data_wrapper
    UNION ALL
    SELECT 'pg_foreign_server'::regclass, oid, 0, 'options of ', 'p',
           concat_ws(' ', srvtype, srvversion, array_to_string(srvoptions, ' '))
    FROM pg_foreign_server
    UNION ALL
    SELECT 'pg_class'::regclass, ftrelid, 0, 'options of ', 'p', array_to_string(ftoptions, ' ')
    FROM pg_foreign_table
    UNION ALL
    SELECT 'pg_class'::regclass, attrelid, attnum, 'options of ', 'p', array_to_string(attfdwoptions, ' ')
    FROM pg_attribute WHERE attfdwoptions IS NOT NULL
    UNION ALL
    SELECT classoid, objoid, objsubid, 'label of ', 'p', label FROM pg_seclabel
    UNION ALL
    SELECT classoid, objoid, objsubid, 'comment on ', 'p', description FROM pg_description{0}
  ), own (classid, text) AS (VALUES
    ('pg_namespace'::regclass, 'standard public schema'), ('pg_namespace', 'system catalog schema'),
    ('pg_namespace', 'reserved schema for TOAST tables'),
    ('pg_database', 'default administrative connection database'), ('pg_database', 'default template for new databases'),
    ('pg_database', 'unmodifiable empty database'), {2}
  )
  SELECT part || pg_describe_object(t.classid, t.objid, t.objsubid), text, kind
  FROM texts t
  WHERE (t.objid >= 16384 OR t.classid IN ('pg_namespace'::regclass, 'pg_largeobject'::regclass)) AND text IS NOT NULL
    AND NOT EXISTS (SELECT FROM own WHERE own.classid = t.classid AND own.text = t.text)
    AND NOT EXISTS (SELECT FROM extension_members e WHERE e.classid = t.classid AND e.objid = t.objid)
  UNION ALL
  SELECT part || pg_describe_object(classoid, objoid, 0), text,
    CASE WHEN classoid = 'pg_database'::regclass THEN 'p' ELSE 'r' END
  FROM (SELECT 'comment on ', classoid, objoid, description FROM pg_shdescription
        UNION ALL
        SELECT 'label of ', classoid, objoid, label FROM pg_shseclabel) shared (part, classoid, objoid, text)
  WHERE NOT EXISTS (SELECT FROM own WHERE own.classid = classoid AND own.text = shared.text)
    AND (objoid >= 16384 OR classoid IN ('pg_database'::regclass, 'pg_authid'::regclass, 'pg_tablespace'::regclass))
    AND (classoid <> 'pg_database'::regclass
                             OR objoid = (SELECT oid FROM pg_database WHERE datname = current_database()))
  ORDER BY 1)sql";
constexpr int kSqlBodies = 14;
constexpr int kFilteredPublications = 15;
constexpr int kCollationRules = 16;
constexpr std::string_view kRulesOfCollations = R"sql(
    UNION ALL
    SELECT 'pg_collation'::regclass, oid, 0, 'rules of ', 'p', collicurules FROM pg_collation
    WHERE collicurules IS NOT NULL)sql";
constexpr std::string_view kPublicationFilters = R"sql(
    UNION ALL
    SELECT 'pg_publication_rel'::regclass, oid, 0, '', 's', pg_get_expr(prqual, prrelid) FROM pg_publication_rel)sql";

}  // namespace

Status read_definitions(Connection& session, const std::function<void(const Definition&)>& take) {
  std::string more;
  if (session.major() >= kFilteredPublications) more += kPublicationFilters;
  if (session.major() >= kCollationRules) more += kRulesOfCollations;
  std::string ours = fmt::format("('pg_namespace', {})", session.literal(kProgressMark));
  for (std::string_view mark : {kAccessRoleMark, kAskerMark, kReadersMark})
    ours += fmt::format(", ('pg_authid', {})", session.literal(mark));
  if (session.kind() == SessionKind::kMaster) {
    ours += fmt::format(
        ", ('pg_authid', (SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = {}))",
        session.literal(kMarkRole));
  }
  const std::string_view body = session.major() >= kSqlBodies ? "pg_get_function_sqlbody(p.oid)" : "NULL";
  // A byte that stands for no character is none that the server would convert.
  Result<masking::TextCodec> encoding = masking::TextCodec::make(session.server_encoding());
  const bool decodes = session.server_encoding() != "UTF8" && encoding.ok();
  if (decodes) YTB_TRY(session.use_server_encoding());
  Result<Rows> rows = session.query(fmt::format(kDefinitions, more, body, ours));
  if (decodes) YTB_TRY(session.use_utf8());
  if (!rows.ok()) return std::move(rows).error();
  std::string object;
  std::string text;
  const auto readable = [&](int row, int column, std::string& buffer) {
    if (!decodes) return rows->at(row, column);
    buffer.clear();
    encoding->append_readable(rows->at(row, column), buffer);
    return std::string_view(buffer);
  };
  for (int row = 0; row < rows->count(); ++row) {
    if (rows->is_null(row, 0)) continue;
    const std::string_view kind = rows->at(row, 2);
    take({.object = readable(row, 0, object),
          .text = readable(row, 1, text),
          .is = kind == "p" || kind == "r" ? Definition::Text::kProse
                : kind == "s"              ? Definition::Text::kSql
                                           : Definition::Text::kOtherLanguage,
          .of_server = kind == "r"});
  }
  return {};
}

std::vector<masking::TellingDefinition> read_telling_definitions(Connection& session) {
  std::vector<masking::TellingDefinition> found;
  Status read = read_definitions(session, [&](const Definition& definition) {
    const std::string_view what = masking::data_in_definition(definition.text);
    if (!what.empty()) found.push_back({.object = std::string(definition.object), .what = std::string(what)});
  });
  if (!read.ok()) return {{.object = "whole of the definitions", .what = "what could not be read"}};
  return found;
}

}  // namespace ytb::postgres
