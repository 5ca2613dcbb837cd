/*
 * What passes between the PAM module and the session's helper, berth-session: three descriptors that the helper is started
 * with. Both are installed together; the version guards an upgrade in between.
 *
 *   SESSION_FD_CONTROL  a SEQPACKET socket to the monitor. The helper sends SESSION_READY once the agent has accepted the
 *                       session's log, and SESSION_END when the session must end. It reads nothing but the end of the file,
 *                       which says that the monitor is over.
 *   SESSION_FD_LINES    a SEQPACKET socket whose other end every sealed process of the session has: one datagram a line, as
 *                       syslog(3) writes them to /dev/log. The end of the file says that the last process is over.
 *                       A datagram that begins with a NUL is no line but one of the notes below.
 *   SESSION_FD_START    a memfd that holds, as wire_put_…() write it:
 *                         u32 SESSION_START_VERSION | the identity (event_put_session) | u32 required: 0 or 1 |
 *                         u32 grace in seconds | string landing directory |
 *                         list of (string entry: where it is in the view | string target: where that is on the host)
 *
 * libc only.
 */
#ifndef BERTH_SESSION_CHANNEL_H
#define BERTH_SESSION_CHANNEL_H

#define SESSION_FD_CONTROL 3
#define SESSION_FD_LINES   4
#define SESSION_FD_START   5

#define SESSION_START_VERSION 1
/* MAPPINGS_MAX entries of PATH_BYTES_MAX don't all fit; 8 MiB of mappings and what DataRoot adds to each do. */
#define SESSION_START_MAX (64 * 1024 * 1024)

#define SESSION_READY 'R'
#define SESSION_END   'E'

/* Notes among the lines: NUL, one of these letters, and what follows it here. */
#define SESSION_NOTE_SEALED 'S' /* '1' or '0': whether the landing directory is there. The view is entered. */
#define SESSION_NOTE_LOST   'L' /* u32: lines that the session could not send */

#endif
