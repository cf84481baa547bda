/** What berthd tells of its last reading of its configuration file. */
export interface ConfigReading {
  readonly file?: string
  /** Keys that are in force after a restart only. */
  readonly needsRestart?: readonly string[]
  /** Why the file is refused as a whole. */
  readonly error?: string
}

/** In lines for people, what of the file is not in force and why. `reading` is what a runtime tells: another has none. */
export function notInForce(reading: unknown): string[] {
  const { file = 'the file', needsRestart = [], error } = (reading ?? {}) as ConfigReading
  return [
    ...(error === undefined ? [] : [`${file} is refused, and what was in force before stays so: ${error}`]),
    ...(needsRestart.length === 0 ? [] : [`not in force until berthd is restarted: ${needsRestart.join(', ')}`]),
  ]
}
