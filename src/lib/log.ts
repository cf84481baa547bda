import { pino } from 'pino'

/** The log port that rooms take: fields first, then a sentence. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /** A logger that adds `fields` to every line. */
  child(fields: object): Logger
}

/** A logger whose level can become another. */
export interface LevelledLogger extends Logger {
  level: string
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** A logger that writes one JSON object a line to `fd`, synchronously: a process killed right after has said it all. */
export function createLogger(name: string, level: LogLevel = 'info', fd = 2): LevelledLogger {
  return pino(
    { name, level, base: { name, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd, sync: true }),
  )
}

/** A logger that drops everything. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
}
