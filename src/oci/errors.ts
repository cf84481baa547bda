import { type BerthError, failedPrecondition, invalidArgument, notFound, operationFailed } from '../lib/errors.ts'

/**
 * The failures of the OCI runtime, from the sentence it left in its log. The runtimes give no codes, only text, and the
 * text differs between runc and crun; what is not recognised is passed on as it is.
 */

/** The runtime's binary cannot be started. */
export function runtimeMissing(name: string, path: string, cause: unknown): BerthError {
  const install = name === 'runc' || name === 'crun' ? `install it (on Debian: apt install ${name})` : 'install it'
  return failedPrecondition(
    `cannot run the OCI runtime "${name}": there is no executable file ${path}; ${install} or correct its path in the configuration`,
    cause,
  )
}

/** The container is unknown to the runtime. */
export const noSuchContainer = (id: string) => notFound('container', id)

/**
 * A runtime command that failed, by its message. What the container's own configuration is to blame for (a command or a
 * working directory that the image lacks) is an invalid argument, as Docker has it; the rest has no better code than
 * `unknown`, which is what containerd answers.
 */
export function runtimeFailure(runtime: string, action: string, message: string): BerthError {
  const text = withoutFrame(message)
  const said = `${runtime} ${action} failed: ${text}`
  if (isCommandMissing(text)) {
    // With exec the command is the caller's, not the container's.
    const advice = action === 'exec' ? '' : ": check the container's command and args"
    return invalidArgument(`${said}; the image has no such program${advice}`)
  }
  if (/permission denied/i.test(text) && /\bexec\b|executable/i.test(text)) {
    return invalidArgument(`${said}; the program is not executable for the container's user`)
  }
  if (/chdir to cwd|mkdir cwd|cannot chdir/i.test(text)) {
    return invalidArgument(`${said}; check the container's working directory`)
  }
  return operationFailed(said)
}

/** runc: `exec: "x": executable file not found in $PATH`, `exec: "/x": stat /x: no such file or directory`; crun: ``executable file `x` not found``. */
function isCommandMissing(text: string): boolean {
  return (
    /executable file .*not found/i.test(text) ||
    /exec: ".*": stat .*: no such file or directory/i.test(text) ||
    /^exec \S+: no such file or directory/i.test(text)
  )
}

/** runc says thrice that it failed; once is enough. */
function withoutFrame(message: string): string {
  return message
    .replace(/^runc \w+ failed: /, '')
    .replace(/^exec failed: /, '')
    .replace(/^(container_linux|standard_init_linux)\.go:\d+: /, '')
    .replace(/^unable to start container process: /, '')
    .trim()
}
