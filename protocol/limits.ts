/** Largest message on any data channel, in bytes: the smallest limit among shipping implementations (RFC 8831 §6.6). */
export const MAX_MESSAGE_BYTES = 16 * 1024
/** Largest slice of a frame, header included, in bytes: four SCTP packets of 1160 bytes leave in one burst. */
export const MAX_SLICE_BYTES = 4 * 1160
/** Largest frame before slicing, in bytes: one prefill chunk of 256 tokens at hidden 16384 in f32, with room. */
export const MAX_FRAME_BYTES = 24 * 1024 * 1024
/** A sender waits once this many bytes are buffered on a link: above, Chromium may drop the channel. */
export const LINK_HIGH_WATER_BYTES = 256 * 1024
/** A waiting sender goes on once the buffer has fallen to this many bytes. */
export const LINK_LOW_WATER_BYTES = 128 * 1024
/** Bytes a link may send beyond what the reader has taken: bounds what a slow reader must hold, and throughput to this per round trip. */
export const LINK_WINDOW_BYTES = 2 * 1024 * 1024
/** One beat a link in this many milliseconds of silence; three unanswered close it. */
export const LINK_BEAT_MS = 1_000
/** A peer from which something is overdue has this many milliseconds for a sign of life. */
export const LINK_PROBE_MS = 1_500
/** No direct path after this many milliseconds: the relay takes over. */
export const DIRECT_PATH_TIMEOUT_MS = 5_000
/** Longest name a device may show, in characters. */
export const MAX_NAME_CHARS = 64
