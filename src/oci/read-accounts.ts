import { invalidArgument, messageOf } from '../lib/errors.ts'
import { readFileInRoot } from '../linux/open-in-root.ts'
import { parseGroup, parsePasswd } from './spec/accounts.ts'
import type { Accounts } from './spec/user.ts'

/** The largest /etc/passwd or /etc/group of an image that is read, in bytes. */
const maxFile = 1024 * 1024

/** The accounts of a container's root file system, whose contents are the image's and not to be trusted. */
export function accountsOf(rootfsPath: string): Accounts {
  return {
    passwd: () => readOnce('etc/passwd', parsePasswd),
    group: () => readOnce('etc/group', parseGroup),
  }

  function readOnce<T>(path: string, parse: (text: string) => T): T | undefined {
    let contents: Buffer | undefined
    try {
      contents = readFileInRoot(rootfsPath, path, maxFile)
    } catch (error) {
      throw invalidArgument(`cannot read /${path} of the image: ${messageOf(error)}`, error)
    }
    return contents && parse(contents.toString('utf8'))
  }
}
