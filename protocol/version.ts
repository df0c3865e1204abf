/** Version of everything in this folder. Peers with another version refuse each other at hello. */
export const PROTOCOL_VERSION = 3
