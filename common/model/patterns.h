/*
 * The patterns of Transfer's shapes, as code: exact, linear in the text's length, and the same on every libc. Each takes
 * valid UTF-8 and matches it whole. \w and \s are ASCII; '.' is any character but the line ends \n \r U+0085 U+2028 U+2029.
 */
#ifndef BERTH_PATTERNS_H
#define BERTH_PATTERNS_H

#include <stdbool.h>

bool pattern_banner(const char *text);
bool pattern_source_ip(const char *text);
bool pattern_security_policy(const char *text);
bool pattern_server_id(const char *text);
bool pattern_home_directory(const char *text);
bool pattern_map_path(const char *text);
bool pattern_role(const char *text);
bool pattern_nullable_role(const char *text);
bool pattern_ssh_key_body(const char *text);
bool pattern_ssh_key_id(const char *text);
bool pattern_user_name(const char *text);
bool pattern_arn(const char *text);
bool pattern_vpc_endpoint_id(const char *text);
bool pattern_security_group_id(const char *text);
bool pattern_directory_id(const char *text);
bool pattern_function(const char *text);
bool pattern_workflow_id(const char *text);

#endif
