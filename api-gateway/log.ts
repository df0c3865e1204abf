import { pino, type Logger } from 'pino'

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>

/** One JSON object a line: what clients send is escaped, so no line can be forged. Prompts, answers and keys are never logged. */
export const createLog = (level: string): Log => pino({ level, base: null, serializers: { err: pino.stdSerializers.err } })
