#include "drivers/postgres/server_messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/text.h"

namespace ytb::postgres {
namespace {

// Files of the server program that report errors, versions 13 to 18, as its binaries name them. Languages,
// extensions and other loaded libraries are not among them.
constexpr std::string_view kServerFiles =
    " fd.c md.c acl.c aclchk.c aggregatecmds.c aio.c aio_callback.c aio_init.c aio_io.c allpaths.c "
    "alter.c amapi.c amcmds.c amvalidate.c analyze.c analyzejoins.c appendinfo.c "
    "applyparallelworker.c array_expanded.c array_selfuncs.c array_typanalyze.c "
    "array_userfuncs.c arrayfuncs.c arraysubs.c arrayutils.c ascii.c aset.c async.c attmap.c "
    "attoptcache.c attribute_stats.c auth-oauth.c auth-sasl.c auth-scram.c auth.c "
    "autovacuum.c auxprocess.c backend_startup.c backup_manifest.c barrier.c basebackup.c "
    "basebackup_gzip.c basebackup_incremental.c basebackup_lz4.c basebackup_server.c "
    "basebackup_target.c basebackup_zstd.c be-fsstubs.c be-gssapi-common.c "
    "be-secure-common.c be-secure-gssapi.c be-secure-openssl.c be-secure.c bernoulli.c "
    "bgworker.c binaryheap.c bipartite_match.c bitmapset.c bool.c bootparse.y bootscanner.l "
    "bootstrap.c brin.c brin_bloom.c brin_inclusion.c brin_minmax.c brin_minmax_multi.c "
    "brin_pageops.c brin_revmap.c brin_validate.c brin_xlog.c buf_table.c buffile.c "
    "bufmask.c bufmgr.c bufpage.c bulk_write.c bump.c cash.c catalog.c catcache.c char.c "
    "checkpointer.c chklocale.c clauses.c clog.c cluster.c collationcmds.c combocid.c "
    "comment.c commit_ts.c condition_variable.c conffiles.c conflict.c constraint.c "
    "controldata_utils.c conv.c conversioncmds.c copy.c copydir.c copyfrom.c copyfromparse.c "
    "copyfuncs.c copyto.c costsize.c createas.c createplan.c crypt.c cryptohash_openssl.c "
    "cryptohashes.c cryptohashfuncs.c date.c datetime.c datum.c dbcommands.c dbsize.c "
    "deadlock.c decode.c define.c dependencies.c dependency.c detoast.c dfmgr.c "
    "dict_ispell.c dict_simple.c dict_synonym.c dict_thesaurus.c discard.c domains.c "
    "dropcmds.c dsa.c dshash.c dsm.c dsm_impl.c dsm_registry.c dynahash.c elog.c encode.c "
    "enum.c equalfuncs.c equivclass.c event_trigger.c evtcache.c exec.c execAmi.c "
    "execAsync.c execCurrent.c execExpr.c execExprInterp.c execGrouping.c execIndexing.c "
    "execMain.c execParallel.c execPartition.c execProcnode.c execReplication.c execSRF.c "
    "execScan.c execTuples.c execUtils.c expandedrecord.c explain.c explain_dr.c "
    "explain_state.c extended_stats.c extensible.c extension.c fastpath.c file_utils.c "
    "float.c fmgr.c foreign.c foreigncmds.c format_type.c formatting.c freelist.c freepage.c "
    "freespace.c fsmpage.c funcapi.c funccache.c functioncmds.c functions.c genam.c "
    "generation.c generic_xlog.c genfile.c geo_ops.c geo_spgist.c geqo_erx.c geqo_main.c "
    "geqo_pool.c ginarrayproc.c ginbtree.c ginbulk.c gindatapage.c ginentrypage.c ginfast.c "
    "ginget.c gininsert.c ginscan.c ginutil.c ginvacuum.c ginvalidate.c ginxlog.c gist.c "
    "gistbuild.c gistbuildbuffers.c gistget.c gistproc.c gistscan.c gistsplit.c gistutil.c "
    "gistvacuum.c gistvalidate.c gistxlog.c gram.y guc-file.l guc.c guc_funcs.c hash.c "
    "hash_xlog.c hashfunc.c hashinsert.c hashovfl.c hashpage.c hashsearch.c hashutil.c "
    "hashvalidate.c hba.c hbafuncs.c heap.c heapam.c heapam_handler.c heapam_visibility.c "
    "heapam_xlog.c heaptoast.c heaptuple.c hio.c hmac_openssl.c hyperloglog.c index.c "
    "indexam.c indexcmds.c indextuple.c indxpath.c inet_net_pton.c inherit.c initsplan.c "
    "injection_point.c instrument.c int.c int8.c integerset.c inv_api.c inval.c ipc.c ipci.c "
    "jit.c joinpath.c joinrels.c json.c jsonapi.c jsonb.c jsonb_gin.c jsonb_op.c "
    "jsonb_util.c jsonbsubs.c jsonfuncs.c jsonpath.c jsonpath_exec.c jsonpath_gram.y "
    "jsonpath_scan.l latch.c launcher.c levenshtein.c like.c like_match.c like_support.c "
    "localbuf.c lock.c lockcmds.c lockfuncs.c logical.c logicalfuncs.c logtape.c lsyscache.c "
    "lwlock.c mac.c mac8.c main.c makefuncs.c matview.c mbutils.c mcv.c mcxt.c mcxtfuncs.c "
    "message.c method_io_uring.c method_sync.c method_worker.c misc.c miscinit.c "
    "multibitmapset.c multirangetypes.c multirangetypes_selfuncs.c multixact.c mvdistinct.c "
    "name.c namespace.c nbtdedup.c nbtinsert.c nbtpage.c nbtpreprocesskeys.c nbtree.c "
    "nbtsearch.c nbtsort.c nbtsplitloc.c nbtutils.c nbtvalidate.c nbtxlog.c network.c "
    "network_gist.c network_selfuncs.c nodeAgg.c nodeBitmapAnd.c nodeBitmapHeapscan.c "
    "nodeBitmapIndexscan.c nodeBitmapOr.c nodeCustom.c nodeForeignscan.c nodeFuncs.c "
    "nodeFunctionscan.c nodeHash.c nodeHashjoin.c nodeIncrementalSort.c nodeIndexonlyscan.c "
    "nodeIndexscan.c nodeLimit.c nodeLockRows.c nodeMemoize.c nodeMergejoin.c "
    "nodeModifyTable.c nodeNamedtuplestorescan.c nodeNestloop.c nodeResult.c "
    "nodeSamplescan.c nodeSetOp.c nodeSubplan.c nodeTableFuncscan.c nodeTidrangescan.c "
    "nodeTidscan.c nodeWindowAgg.c numeric.c numutils.c objectaddress.c oid.c opclasscmds.c "
    "operatorcmds.c oracle_compat.c orderedsetaggs.c origin.c outfuncs.c parallel.c "
    "paramassign.c parse_agg.c parse_clause.c parse_coerce.c parse_collate.c parse_cte.c "
    "parse_expr.c parse_func.c parse_jsontable.c parse_merge.c parse_node.c parse_oper.c "
    "parse_param.c parse_relation.c parse_target.c parse_type.c parse_utilcmd.c parser.c "
    "partbounds.c partcache.c partdesc.c partition.c partitionfuncs.c partprune.c path.c "
    "pathkeys.c pathnode.c percentrepl.c pg_aggregate.c pg_attrdef.c pg_cast.c pg_class.c "
    "pg_collation.c pg_config.c pg_constraint.c pg_controldata.c pg_conversion.c pg_depend.c "
    "pg_enum.c pg_inherits.c pg_largeobject.c pg_locale.c pg_locale_builtin.c "
    "pg_locale_icu.c pg_locale_libc.c pg_lsn.c pg_namespace.c pg_operator.c "
    "pg_parameter_acl.c pg_proc.c pg_publication.c pg_sema.c pg_shdepend.c pg_shmem.c "
    "pg_subscription.c pg_type.c pg_upgrade_support.c pgarch.c pgfnames.c pgstat.c "
    "pgstat_database.c pgstat_function.c pgstat_io.c pgstat_replslot.c pgstat_shmem.c "
    "pgstat_xact.c pgstatfuncs.c pgtz.c placeholder.c planagg.c plancache.c plancat.c "
    "planmain.c planner.c pmchild.c pmsignal.c policy.c portalcmds.c portalmem.c postgres.c "
    "postinit.c postmaster.c pqcomm.c pqformat.c pqmq.c pquery.c predicate.c predtest.c "
    "prepagg.c prepare.c prepjointree.c prepqual.c preptlist.c prepunion.c print.c "
    "printsimple.c printtup.c proc.c procarray.c proclang.c procsignal.c proto.c pruneheap.c "
    "pseudorandomfuncs.c pseudotypes.c psprintf.c publicationcmds.c queryjumble.c "
    "queryjumblefuncs.c rangetypes.c rangetypes_gist.c rangetypes_selfuncs.c "
    "rangetypes_spgist.c rbtree.c read.c read_stream.c readfuncs.c regc_pg_locale.c regexp.c "
    "regis.c regproc.c reinit.c relation.c relation_stats.c relcache.c relfilenodemap.c "
    "relfilenumbermap.c relmapper.c relnode.c reloptions.c relpath.c reorderbuffer.c "
    "repl_gram.y repl_scanner.l resowner.c rewriteDefine.c rewriteHandler.c rewriteManip.c "
    "rewriteRemove.c rewriteSearchCycle.c rewriteSupport.c rewriteheap.c ri_triggers.c rls.c "
    "rmgr.c rmtree.c rowsecurity.c rowtypes.c ruleutils.c s_lock.c saslprep.c scan.l "
    "scansup.c schemacmds.c scram-common.c seclabel.c selfuncs.c sequence.c session.c "
    "setrefs.c sharedfileset.c sharedtuplestore.c shell_archive.c shm_mq.c shm_toc.c shmem.c "
    "signalfuncs.c sinval.c sinvaladt.c slab.c slot.c slotfuncs.c slotsync.c slru.c smgr.c "
    "snapbuild.c snapmgr.c sortsupport.c spccache.c spell.c spgdoinsert.c spginsert.c "
    "spgkdtreeproc.c spgquadtreeproc.c spgscan.c spgtextproc.c spgutils.c spgvacuum.c "
    "spgvalidate.c spgxlog.c spi.c stack_depth.c standby.c stat_utils.c statscmds.c "
    "storage.c stringinfo.c subscriptioncmds.c subselect.c subtrans.c sync.c syncrep.c "
    "syncrep_scanner.l syscache.c syslogger.c system.c table.c tableam.c tableamapi.c "
    "tablecmds.c tablesample.c tablespace.c tablesync.c tid.c tidbitmap.c tidpath.c "
    "tidstore.c timeline.c timeout.c timestamp.c tlist.c to_tsany.c toast_compression.c "
    "toast_internals.c toasting.c tqueue.c transam.c trigfuncs.c trigger.c ts_cache.c "
    "ts_locale.c ts_parse.c ts_selfuncs.c ts_typanalyze.c ts_utils.c tsearchcmds.c "
    "tsginidx.c tsgistidx.c tsquery.c tsquery_cleanup.c tsquery_op.c tsquery_rewrite.c "
    "tsquery_util.c tsrank.c tsvector.c tsvector_op.c tsvector_parser.c tupdesc.c "
    "tuplesort.c tuplesortvariants.c tuplestore.c twophase.c typcache.c typecmds.c user.c "
    "usercontext.c utility.c uuid.c vacuum.c vacuumlazy.c vacuumparallel.c var.c varbit.c "
    "varchar.c variable.c varlena.c varsup.c view.c visibilitymap.c wait_event.c "
    "waiteventset.c waitfuncs.c walreceiver.c walreceiverfuncs.c walsender.c walsummarizer.c "
    "walsummary.c walsummaryfuncs.c windowfuncs.c worker.c wparser.c wparser_def.c xact.c "
    "xid8funcs.c xlog.c xlogarchive.c xlogfuncs.c xloginsert.c xlogprefetcher.c xlogreader.c "
    "xlogrecovery.c xlogutils.c xml.c ";
// errcodes.txt, versions 13 to 18: errors and their condition names.
constexpr std::string_view kConditions =
    " 03000 sql_statement_not_yet_complete 08000 connection_exception "
    "08001 sqlclient_unable_to_establish_sqlconnection 08003 connection_does_not_exist "
    "08004 sqlserver_rejected_establishment_of_sqlconnection 08006 connection_failure "
    "08007 transaction_resolution_unknown 08P01 protocol_violation "
    "09000 triggered_action_exception 0A000 feature_not_supported "
    "0B000 invalid_transaction_initiation 0F000 locator_exception "
    "0F001 invalid_locator_specification 0L000 invalid_grantor 0LP01 invalid_grant_operation "
    "0P000 invalid_role_specification 0Z000 diagnostics_exception "
    "0Z002 stacked_diagnostics_accessed_without_active_handler "
    "10608 invalid_argument_for_xquery 20000 case_not_found 21000 cardinality_violation "
    "22000 data_exception 22001 string_data_right_truncation "
    "22002 null_value_no_indicator_parameter 22003 numeric_value_out_of_range "
    "22004 null_value_not_allowed 22005 error_in_assignment 22007 invalid_datetime_format "
    "22008 datetime_field_overflow 22009 invalid_time_zone_displacement_value "
    "2200B escape_character_conflict 2200C invalid_use_of_escape_character "
    "2200D invalid_escape_octet 2200F zero_length_character_string "
    "2200G most_specific_type_mismatch 2200H sequence_generator_limit_exceeded "
    "2200L not_an_xml_document 2200M invalid_xml_document 2200N invalid_xml_content "
    "2200S invalid_xml_comment 2200T invalid_xml_processing_instruction "
    "22010 invalid_indicator_parameter_value 22011 substring_error 22012 division_by_zero "
    "22013 invalid_preceding_or_following_size 22014 invalid_argument_for_ntile_function "
    "22015 interval_field_overflow 22016 invalid_argument_for_nth_value_function "
    "22018 invalid_character_value_for_cast 22019 invalid_escape_character "
    "2201B invalid_regular_expression 2201E invalid_argument_for_logarithm "
    "2201F invalid_argument_for_power_function "
    "2201G invalid_argument_for_width_bucket_function "
    "2201W invalid_row_count_in_limit_clause 2201X invalid_row_count_in_result_offset_clause "
    "22021 character_not_in_repertoire 22022 indicator_overflow "
    "22023 invalid_parameter_value 22024 unterminated_c_string 22025 invalid_escape_sequence "
    "22026 string_data_length_mismatch 22027 trim_error 2202E array_subscript_error "
    "2202G invalid_tablesample_repeat 2202H invalid_tablesample_argument "
    "22030 duplicate_json_object_key_value "
    "22031 invalid_argument_for_sql_json_datetime_function 22032 invalid_json_text "
    "22033 invalid_sql_json_subscript 22034 more_than_one_sql_json_item "
    "22035 no_sql_json_item 22036 non_numeric_sql_json_item "
    "22037 non_unique_keys_in_a_json_object 22038 singleton_sql_json_item_required "
    "22039 sql_json_array_not_found 2203A sql_json_member_not_found "
    "2203B sql_json_number_not_found 2203C sql_json_object_not_found "
    "2203D too_many_json_array_elements 2203E too_many_json_object_members "
    "2203F sql_json_scalar_required 2203G sql_json_item_cannot_be_cast_to_target_type "
    "22P01 floating_point_exception 22P02 invalid_text_representation "
    "22P03 invalid_binary_representation 22P04 bad_copy_file_format "
    "22P05 untranslatable_character 22P06 nonstandard_use_of_escape_character "
    "22P07 datum_version_mismatch 23000 integrity_constraint_violation "
    "23001 restrict_violation 23502 not_null_violation 23503 foreign_key_violation "
    "23505 unique_violation 23514 check_violation 23P01 exclusion_violation "
    "24000 invalid_cursor_state 25000 invalid_transaction_state 25001 active_sql_transaction "
    "25002 branch_transaction_already_active "
    "25003 inappropriate_access_mode_for_branch_transaction "
    "25004 inappropriate_isolation_level_for_branch_transaction "
    "25005 no_active_sql_transaction_for_branch_transaction 25006 read_only_sql_transaction "
    "25007 schema_and_data_statement_mixing_not_supported "
    "25008 held_cursor_requires_same_isolation_level 25P01 no_active_sql_transaction "
    "25P02 in_failed_sql_transaction 25P03 idle_in_transaction_session_timeout "
    "25P04 transaction_timeout 26000 invalid_sql_statement_name "
    "27000 triggered_data_change_violation 28000 invalid_authorization_specification "
    "28P01 invalid_password 2B000 dependent_privilege_descriptors_still_exist "
    "2BP01 dependent_objects_still_exist 2D000 invalid_transaction_termination "
    "2F000 sql_routine_exception 2F002 modifying_sql_data_not_permitted "
    "2F003 prohibited_sql_statement_attempted 2F004 reading_sql_data_not_permitted "
    "2F005 function_executed_no_return_statement 34000 invalid_cursor_name "
    "38000 external_routine_exception 38001 containing_sql_not_permitted "
    "38002 modifying_sql_data_not_permitted 38003 prohibited_sql_statement_attempted "
    "38004 reading_sql_data_not_permitted 39000 external_routine_invocation_exception "
    "39001 invalid_sqlstate_returned 39004 null_value_not_allowed "
    "39P01 trigger_protocol_violated 39P02 srf_protocol_violated "
    "39P03 event_trigger_protocol_violated 3B000 savepoint_exception "
    "3B001 invalid_savepoint_specification 3D000 invalid_catalog_name "
    "3F000 invalid_schema_name 40000 transaction_rollback 40001 serialization_failure "
    "40002 transaction_integrity_constraint_violation 40003 statement_completion_unknown "
    "40P01 deadlock_detected 42000 syntax_error_or_access_rule_violation "
    "42501 insufficient_privilege 42601 syntax_error 42602 invalid_name "
    "42611 invalid_column_definition 42622 name_too_long 42701 duplicate_column "
    "42702 ambiguous_column 42703 undefined_column 42704 undefined_object "
    "42710 duplicate_object 42712 duplicate_alias 42723 duplicate_function "
    "42725 ambiguous_function 42803 grouping_error 42804 datatype_mismatch "
    "42809 wrong_object_type 42830 invalid_foreign_key 42846 cannot_coerce "
    "42883 undefined_function 428C9 generated_always 42939 reserved_name "
    "42P01 undefined_table 42P02 undefined_parameter 42P03 duplicate_cursor "
    "42P04 duplicate_database 42P05 duplicate_prepared_statement 42P06 duplicate_schema "
    "42P07 duplicate_table 42P08 ambiguous_parameter 42P09 ambiguous_alias "
    "42P10 invalid_column_reference 42P11 invalid_cursor_definition "
    "42P12 invalid_database_definition 42P13 invalid_function_definition "
    "42P14 invalid_prepared_statement_definition 42P15 invalid_schema_definition "
    "42P16 invalid_table_definition 42P17 invalid_object_definition "
    "42P18 indeterminate_datatype 42P19 invalid_recursion 42P20 windowing_error "
    "42P21 collation_mismatch 42P22 indeterminate_collation "
    "44000 with_check_option_violation 53000 insufficient_resources 53100 disk_full "
    "53200 out_of_memory 53300 too_many_connections 53400 configuration_limit_exceeded "
    "54000 program_limit_exceeded 54001 statement_too_complex 54011 too_many_columns "
    "54023 too_many_arguments 55000 object_not_in_prerequisite_state 55006 object_in_use "
    "55P02 cant_change_runtime_param 55P03 lock_not_available "
    "55P04 unsafe_new_enum_value_usage 57000 operator_intervention 57014 query_canceled "
    "57P01 admin_shutdown 57P02 crash_shutdown 57P03 cannot_connect_now "
    "57P04 database_dropped 57P05 idle_session_timeout 58000 system_error 58030 io_error "
    "58P01 undefined_file 58P02 duplicate_file 58P03 file_name_too_long "
    "72000 snapshot_too_old F0000 config_file_error F0001 lock_file_exists HV000 fdw_error "
    "HV001 fdw_out_of_memory HV002 fdw_dynamic_parameter_value_needed "
    "HV004 fdw_invalid_data_type HV005 fdw_column_name_not_found "
    "HV006 fdw_invalid_data_type_descriptors HV007 fdw_invalid_column_name "
    "HV008 fdw_invalid_column_number HV009 fdw_invalid_use_of_null_pointer "
    "HV00A fdw_invalid_string_format HV00B fdw_invalid_handle HV00C fdw_invalid_option_index "
    "HV00D fdw_invalid_option_name HV00J fdw_option_name_not_found HV00K fdw_reply_handle "
    "HV00L fdw_unable_to_create_execution HV00M fdw_unable_to_create_reply "
    "HV00N fdw_unable_to_establish_connection HV00P fdw_no_schemas "
    "HV00Q fdw_schema_not_found HV00R fdw_table_not_found HV010 fdw_function_sequence_error "
    "HV014 fdw_too_many_handles HV021 fdw_inconsistent_descriptor_information "
    "HV024 fdw_invalid_attribute_value HV090 fdw_invalid_string_length_or_buffer_length "
    "HV091 fdw_invalid_descriptor_field_identifier P0000 plpgsql_error P0001 raise_exception "
    "P0002 no_data_found P0003 too_many_rows P0004 assert_failure XX000 internal_error "
    "XX001 data_corrupted XX002 index_corrupted ";
// Placeholders: %n a name, number, type, file or system error that the server puts in; %v what may be a
// value, or a name that came out of a statement; %k a kind of object. Of two that fit the first is taken.
constexpr std::string_view kFormats[] = {
    // Lengths, ranges, types
    "value too long for type %n",
    "bit string length %n does not match type bit(%n)",
    "bit string too long for type bit varying(%n)",
    "numeric field overflow",
    "value overflows numeric format",
    "integer out of range",
    "smallint out of range",
    "bigint out of range",
    "money out of range",
    "oid out of range",
    "value out of range: overflow",
    "value out of range: underflow",
    "division by zero",
    "timestamp out of range",
    "date out of range",
    "time out of range",
    "interval out of range",
    "invalid input syntax for type json",
    "invalid input syntax for type %n: \"%v\"",
    "invalid input value for enum %n: \"%v\"",
    "value \"%v\" is out of range for type %n",
    "\"%v\" is out of range for type %n",
    "date/time field value out of range: \"%v\"",
    "malformed array literal: \"%v\"",
    "malformed range literal: \"%v\"",
    "malformed record literal: \"%v\"",
    "invalid cidr value: \"%v\"",
    "invalid XML content",
    "invalid XML document",
    "invalid regular expression: %v",
    "unsupported Unicode escape sequence",
    "cannot take logarithm of zero",
    "cannot take logarithm of a negative number",
    "cannot take square root of a negative number",
    "range lower bound must be less than or equal to range upper bound",
    "invalid byte sequence for encoding \"%n\": %v",
    "character with byte sequence %v in encoding \"%n\" has no equivalent in encoding \"%n\"",
    "null character not permitted",
    "requested character too large for encoding: %v",
    "invalid memory alloc request size %n",
    "array size exceeds the maximum allowed (%n)",
    "string too long for tsvector (%n bytes, max %n bytes)",
    "row is too big: size %n, maximum size %n",
    "index row size %n exceeds btree version %n maximum %n for index \"%n\"",
    "index row size %n exceeds maximum %n for index \"%n\"",
    "index row requires %n bytes, maximum size is %n",
    "target lists can have at most %n entries",
    "stack depth limit exceeded",
    // COPY
    "extra data after last expected column",
    "missing data for column \"%n\"",
    "unexpected EOF in COPY data",
    "incorrect binary data format",
    "invalid COPY file header (missing flags)",
    "COPY file signature not recognized",
    "row field count is %n, expected %n",
    "COPY from stdin failed: %v",
    "cannot perform COPY FREEZE because of prior transaction activity",
    "cannot perform COPY FREEZE because the table was not created or truncated in the current subtransaction",
    "cannot perform COPY FREEZE on a partitioned table",
    "cannot copy to view \"%n\"",
    "no binary input function available for type %n",
    "no binary output function available for type %n",
    // Constraints
    "duplicate key value violates unique constraint \"%n\"",
    "could not create unique index \"%n\"",
    "could not create exclusion constraint \"%n\"",
    "conflicting key value violates exclusion constraint \"%n\"",
    "null value in column \"%n\" of relation \"%n\" violates not-null constraint",
    "new row for relation \"%n\" violates check constraint \"%n\"",
    "new row for relation \"%n\" violates partition constraint",
    "no partition of relation \"%n\" found for row",
    "partition constraint of relation \"%n\" is violated by some row",
    "column \"%n\" of relation \"%n\" contains null values",
    "check constraint \"%n\" of relation \"%n\" is violated by some row",
    "column \"%n\" of table \"%n\" contains values that violate the new constraint",
    "insert or update on table \"%n\" violates foreign key constraint \"%n\"",
    "update or delete on table \"%n\" violates foreign key constraint \"%n\" on table \"%n\"",
    "domain %n does not allow null values",
    "value for domain %n violates check constraint \"%n\"",
    "cannot truncate a table referenced in a foreign key constraint",
    "tuple concurrently updated",
    "tuple concurrently deleted",
    "cannot %n \"%n\" because it has pending trigger events",
    "cannot %n \"%n\" because it is being used by active queries in this session",
    // Rights
    "permission denied for column \"%v\" of relation \"%v\"",
    "permission denied for %k %v",
    "must be owner of %k %v",
    "permission denied to set role \"%v\"",
    "permission denied to set parameter \"%v\"",
    "query would be affected by row-level security policy for table \"%n\"",
    "must be superuser",
    // Names of our own statements
    "relation \"%v\" does not exist",
    "relation \"%v\" already exists",
    "column \"%v\" does not exist",
    "column %v does not exist",
    "column \"%v\" of relation \"%v\" does not exist",
    "schema \"%v\" does not exist",
    "role \"%v\" does not exist",
    "role \"%v\" already exists",
    "database \"%v\" does not exist",
    "type \"%v\" does not exist",
    "function %v does not exist",
    "operator does not exist: %v",
    "unrecognized configuration parameter \"%v\"",
    "invalid value for parameter \"%v\": \"%v\"",
    "parameter \"%v\" cannot be changed now",
    "parameter \"%v\" cannot be changed without restarting the server",
    "cannot cast type %n to %n",
    "syntax error at or near \"%v\"",
    "syntax error at end of input",
    "cannot execute %n in a read-only transaction",
    "cannot execute %n within a pipeline",
    "%n cannot run inside a transaction block",
    "%n cannot be executed within a pipeline",
    "current transaction is aborted, commands ignored until end of transaction block",
    "materialized view \"%n\" has not been populated",
    "cannot change materialized view \"%n\"",
    "cannot drop %v because other objects depend on it",
    "role \"%v\" cannot be dropped because some objects depend on it",
    "cannot lock rows in materialized view \"%n\"",
    "foreign-data wrapper \"%n\" has no handler",
    // Locks, time, room
    "canceling statement due to lock timeout",
    "canceling statement due to statement timeout",
    "canceling statement due to user request",
    "canceling autovacuum task",
    "canceling statement due to conflict with recovery",
    "terminating connection due to administrator command",
    "terminating connection due to idle-in-transaction timeout",
    "terminating connection due to idle-session timeout",
    "terminating connection due to transaction timeout",
    "terminating connection because of crash of another server process",
    "could not obtain lock on relation \"%n\"",
    "could not obtain lock on row in relation \"%n\"",
    "could not serialize access due to concurrent update",
    "could not serialize access due to concurrent delete",
    "could not serialize access due to read/write dependencies among transactions",
    "deadlock detected",
    "out of memory",
    "out of shared memory",
    "sorry, too many clients already",
    "database \"%n\" is being accessed by other users",
    "temporary file size exceeds \"temp_file_limit\" (%nkB)",
    "database is not accepting commands to avoid wraparound data loss in database \"%n\"",
    // Files, pages, catalogs
    "could not open file \"%n\": %n",
    "could not access file \"%n\": %n",
    "could not stat file \"%n\": %n",
    "could not create file \"%n\": %n",
    "could not extend file \"%n\": wrote only %n of %n bytes at block %n",
    "could not extend file \"%n\": %n",
    "could not read file \"%n\": read %n of %n",
    "could not read file \"%n\": %n",
    "could not write file \"%n\": %n",
    "could not write to file \"%n\": %n",
    "could not fsync file \"%n\": %n",
    "could not truncate file \"%n\": %n",
    "could not truncate file \"%n\" to %n blocks: it's only %n blocks now",
    "could not resize shared memory segment \"%n\" to %n bytes: %n",
    "could not read block %n in file \"%n\": read only %n of %n bytes",
    "could not read block %n in file \"%n\": %n",
    "could not write block %n in file \"%n\": %n",
    "could not write temporary file: %n",
    "could not access status of transaction %n",
    "invalid page in block %n of relation %n",
    "missing chunk number %n for toast value %n in %n",
    "unexpected chunk number %n (expected %n) for toast value %n in %n",
    "compressed pglz data is corrupt",
    "compressed lz4 data is corrupt",
    "found xmin %n from before relfrozenxid %n",
    "could not open relation with OID %n",
    "cache lookup failed for %k %n",
    "cache lookup failed for statistics object %n",
    "missing attribute %n for relation with OID %n",
    "index \"%n\" contains unexpected zero page at block %n",
    "index \"%n\" is not a btree",
    "failed to re-find parent key in index \"%n\" for split pages %n/%n",
    // Locales and libraries
    "could not create locale \"%n\": %n",
    "could not open collator for locale \"%n\": %n",
    "collation \"%n\" for encoding \"%n\" does not exist",
    "collation \"%v\" does not exist",
    "could not determine which collation to use for %n",
    "collation mismatch between implicit collations \"%n\" and \"%n\"",
    "collation mismatch between explicit collations \"%n\" and \"%n\"",
    "nondeterministic collations are not supported for %n",
    "could not load library \"%n\": %n",
    "could not find function \"%n\" in file \"%n\"",
    "incompatible library \"%n\": %n",
    "conversion between %n and %n is not supported",
    "default conversion function for encoding \"%n\" to \"%n\" does not exist",
    "text search configuration \"%v\" does not exist",
};

constexpr std::string_view kKinds[] = {"table",          "view",           "materialized view",
                                       "foreign table",  "index",          "sequence",
                                       "schema",         "database",       "function",
                                       "procedure",      "routine",        "aggregate",
                                       "type",           "domain",         "language",
                                       "large object",   "tablespace",     "foreign-data wrapper",
                                       "foreign server", "relation",       "collation",
                                       "operator",       "operator class", "extension",
                                       "publication",    "subscription",   "statistics object",
                                       "parameter",      "event trigger",  "attribute",
                                       "constraint",     "access method"};

// Where the server alone is at work. Anything else in a context (PL/pgSQL function …, SQL statement …) is
// code.
constexpr std::string_view kOwnContexts[] = {"COPY ",
                                             "parallel worker",
                                             "while scanning ",
                                             "while vacuuming ",
                                             "while cleaning up ",
                                             "while truncating ",
                                             "while inserting index tuple",
                                             "while checking uniqueness",
                                             "while checking exclusion constraint",
                                             "while updating tuple",
                                             "while deleting tuple",
                                             "while locking tuple"};

bool lists(std::string_view words, std::string_view word) {
  if (word.empty() || word.find(' ') != std::string_view::npos) return false;
  return words.find(fmt::format(" {} ", word)) != std::string_view::npos;
}

std::string_view condition_of(std::string_view state) {
  if (state.size() != 5 || state.find(' ') != std::string_view::npos) return {};
  size_t at = kConditions.find(fmt::format(" {} ", state));
  if (at == std::string_view::npos) return {};
  std::string_view rest = kConditions.substr(at + state.size() + 2);
  return rest.substr(0, rest.find(' '));
}

bool runs_code(std::string_view context) {
  if (context.empty()) return false;
  for (std::string_view rest = context;;) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    if (std::none_of(std::begin(kOwnContexts), std::end(kOwnContexts),
                     [&](std::string_view own) { return line.starts_with(own); })) {
      return true;
    }
    if (line.size() == rest.size()) return false;
    rest.remove_prefix(line.size() + 1);
  }
}

bool is_word_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Whether our statement has this as a word or words of its own.
bool says(std::string_view statement, std::string_view words) {
  if (words.empty()) return true;
  for (size_t at = statement.find(words); at != std::string_view::npos; at = statement.find(words, at + 1)) {
    const size_t end = at + words.size();
    bool begins = at == 0 || !is_word_char(statement[at - 1]) || !is_word_char(words.front());
    bool ends = end == statement.size() || !is_word_char(statement[end]) || !is_word_char(words.back());
    if (begins && ends) return true;
  }
  return false;
}

// What is said in literals is no name: a definition's may be data.
std::string without_literals(std::string_view statement) {
  std::string out;
  char within = 0;
  for (char c : statement) {
    if (within != 0) {
      if (c == within) within = 0;
      if (within == '\'') continue;
    } else if (c == '\'' || c == '"') {
      within = c;
    }
    out += c == '\'' ? ' ' : c;
  }
  return out;
}

constexpr std::string_view kWithheld = "(withheld)";

struct Renderer {
  std::string_view statement;
  bool trusted = false;  // what the server puts in is the server's

  [[nodiscard]] std::string_view fill(char placeholder, std::string_view text) const {
    if ((placeholder == 'n' && trusted) || says(statement, text)) return text;
    return kWithheld;
  }

  // The text as `format` has it, or nothing where it is not of this format.
  [[nodiscard]] std::optional<std::string> render(std::string_view format, std::string_view text) const {
    std::string out;
    while (!format.empty()) {
      const size_t literal = std::min(format.find('%'), format.size());
      if (!text.starts_with(format.substr(0, literal))) return std::nullopt;
      out += text.substr(0, literal);
      text.remove_prefix(literal);
      format.remove_prefix(literal);
      if (format.empty()) break;
      const char placeholder = format[1];
      format.remove_prefix(2);
      const std::string_view next = format.substr(0, format.find('%'));
      size_t length = text.size();
      if (next.size() == format.size()) {  // the last one: what follows it ends the text
        if (!text.ends_with(next)) return std::nullopt;
        length = text.size() - next.size();
      } else {
        length = text.find(next);
        if (length == std::string_view::npos) return std::nullopt;
      }
      const std::string_view filled = text.substr(0, length);
      if (filled.empty()) return std::nullopt;
      if (placeholder == 'k') {
        // Its kinds are of up to three words: the name follows the longest that fits.
        std::string_view kind = kind_at(text);
        if (kind.empty()) return std::nullopt;
        out += kind;
        text.remove_prefix(kind.size());
        continue;
      }
      out += fill(placeholder, filled);
      text.remove_prefix(length);
    }
    if (!text.empty()) return std::nullopt;
    return out;
  }

  static std::string_view kind_at(std::string_view text) {
    std::string_view best;
    for (std::string_view kind : kKinds) {
      if (kind.size() > best.size() && text.starts_with(kind) && text.size() > kind.size() &&
          text[kind.size()] == ' ') {
        best = kind;
      }
    }
    return best;
  }
};

// "COPY users, line 3": which row, never what is in it.
std::string place_of(std::string_view context) {
  const size_t line = context.find(", line ");
  if (!context.starts_with("COPY ") || line == std::string_view::npos) return {};
  size_t end = line + std::string_view(", line ").size();
  const size_t digits = end;
  while (end < context.size() && std::isdigit(static_cast<unsigned char>(context[end])) != 0) ++end;
  return end == digits ? std::string() : fmt::format(" ({})", printable(context.substr(0, end)));
}

// dsm_impl.c: of posix memory, and of files of the server's own in pg_dynshmem.
constexpr std::string_view kSharedMemory = "shared memory segment ";
constexpr std::string_view kInFiles = "shared memory segment \"pg_dynshmem/";
constexpr std::string_view kNoRoom = ": No space left on device";

}  // namespace

std::string hint_of_shortage(std::string_view said, std::string_view state) {
  bool of_disk = false;
  for (const std::string& line : split(said, '\n')) {
    if (state != "53100" && line.find(kNoRoom) == std::string::npos) continue;
    of_disk = true;
    if (line.find(kSharedMemory) == std::string::npos || line.find(kInFiles) != std::string::npos) continue;
    return "that server's /dev/shm is too small for its parallel workers: enlarge it "
           "(docker run --shm-size=1g …, or mount -o remount,size=1g /dev/shm). For a copy, "
           "copies.local.settings: {max_parallel_workers_per_gather: 0, max_parallel_maintenance_workers: 0} "
           "does without them, from its next restore on. A sealed copy has a /dev/shm of its own, half as "
           "large as the machine's memory";
  }
  return of_disk ? "the disk of that server is full: free some space there" : "";
}

std::string shown_state(std::string_view state) {
  return condition_of(state).empty() ? "withheld" : printable(state);
}

ShownError shown(const ServerError& error, std::string_view statement) {
  ShownError out;
  out.from_server = lists(kServerFiles, error.source_file);
  const std::string_view condition = condition_of(error.state);
  out.state = out.from_server ? printable(error.state) : shown_state(error.state);
  const bool trusted = out.from_server && !runs_code(error.context);
  if (out.from_server) {
    const std::string names = without_literals(statement);
    const Renderer renderer{.statement = names, .trusted = trusted};
    for (std::string_view format : kFormats) {
      if (auto text = renderer.render(format, error.message)) {
        out.text = printable(*text);
        break;
      }
    }
    if (trusted || says(names, error.about)) out.about = printable(error.about);
    if (trusted && !out.text.empty()) out.text += place_of(error.context);
  }
  if (out.text.empty()) {
    out.text = fmt::format("{} (text withheld: it may quote data)",
                           condition.empty() ? std::string_view("error") : condition);
  }
  return out;
}

}  // namespace ytb::postgres
