/*
 * The words that GTID texts are made of: blanks, numbers, uuids and tags, for the parsers of gtid, gtid_set
 * and gtid_list. A cursor over text, sticky like the reader's: after a mistake everything fails.
 */
#ifndef ACKGATE_PROTOCOL_GTID_TEXT_H
#define ACKGATE_PROTOCOL_GTID_TEXT_H

#include "protocol/gtid.h"

void gtid_text_skip_blanks(struct reader *text);
bool gtid_text_take(struct reader *text, char c);  /* whether c came next, behind blanks; it is read */
bool gtid_text_at_end(struct reader *text);        /* nothing but blanks is left */
bool gtid_text_next_is_digit(struct reader *text); /* behind blanks */
uint64_t gtid_text_number(struct reader *text, uint64_t max); /* fails without digits and over max */
/* Fails unless a uuid, or a tag, comes next. A tag ends before the first character that cannot be in one. */
void gtid_text_uuid(struct reader *text, uint8_t ret_uuid[UUID_BYTES]);
void gtid_text_tag(struct reader *text, struct gtid_origin *origin);
void gtid_text_mariadb(struct reader *text, struct gtid_mariadb *ret_gtid); /* domain-server-sequence */

/* Writes a number in decimal digits. */
void gtid_text_write_number(struct writer *writer, uint64_t number);

#endif
