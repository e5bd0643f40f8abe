/* weir/limits: every maximum, with unit and reason.
 *
 * Reaching one is WEIR_E_LIMIT with the name of the setting to raise, or, where there is
 * no setting, the name of the limit.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_LIMITS_H
#define WEIR_LIMITS_H

/* A build of tests reaches some of them all the time (WEIR_SMALL_LIMITS, tests/sim). */
#ifdef WEIR_SMALL_LIMITS
#define WEIR_LIMIT(usual, small) (small)
#else
#define WEIR_LIMIT(usual, small) (usual)
#endif

#define WEIR_BATCH_ROWS 2048u            /* rows; a batch of a few columns stays in L2 */
#define WEIR_COLUMNS_MAX 1024u           /* columns of a table */
#define WEIR_TABLES_MAX 64u              /* tables of a job */
#define WEIR_NODES_MAX 512u              /* nodes of a plan */
#define WEIR_EXPR_DEPTH_MAX 200u         /* nesting of an expression: bounds recursion */
#define WEIR_SQL_BYTES_MAX (1u << 20)    /* bytes of a job's SQL file */
#define WEIR_SQL_ERRORS_MAX 20u          /* errors reported in one run */
#define WEIR_RECORD_BYTES_MAX (16u << 20) /* bytes of a record's value */
#define WEIR_TEXT_BYTES_MAX (1u << 20)   /* bytes of one text value */
#define WEIR_JSON_DEPTH_MAX 64u          /* nesting of a JSON document */
#define WEIR_BLOCK_RECORDS 4096u         /* records of a source block */
#define WEIR_BLOCK_BYTES (4u << 20)      /* bytes of a source block, unless one record */
#define WEIR_PARTITIONS_MAX 4096u        /* partitions of a source */
#define WEIR_LANES_MAX 64u               /* worker threads */
#define WEIR_SLICES 64u                  /* slices of keyed state, by key hash; fixed in
                                            the checkpoint format */
#define WEIR_SLICE_DELTAS_MAX 64u        /* deltas of a slice behind a full copy */
#define WEIR_INLINE_BYTES_MAX WEIR_LIMIT(4u << 20, 900u) /* of blobs inside a manifest */
#define WEIR_DATA_OBJECT_BYTES WEIR_LIMIT(4u << 20, 500u) /* bytes of a data object */
#define WEIR_PAYLOAD_BYTES_MAX (64u << 20) /* bytes of one epoch's rows */
#define WEIR_PAYLOAD_ROWS_MAX 500000u    /* rows of one epoch for SQL sinks */
#define WEIR_MANIFEST_BYTES_MAX (32u << 20) /* bytes of a manifest */
#define WEIR_EPOCHS_PER_GENERATION WEIR_LIMIT(20000u, 4u) /* then its owner seals it */
#define WEIR_GENERATION_US (24LL * 3600 * 1000000) /* the same, by age */
#define WEIR_STORE_BODY_MAX (256u << 20) /* bytes of an object read whole */
#define WEIR_STORE_PARALLEL 16u          /* requests under way of one call */
#define WEIR_KEY_SEGMENT_MAX 200u        /* bytes of an encoded key segment */
#define WEIR_KEY_BYTES_MAX 1024u         /* bytes of an object key */
#define WEIR_JOB_NAME_MAX 64u            /* [a-z0-9_-]{1,64} */
#define WEIR_METRIC_SERIES_MAX 4096u     /* labelled series */
#define WEIR_IDENTIFIER_MAX 63u          /* bytes of an SQL name (PostgreSQL); MySQL 64 */

#endif
