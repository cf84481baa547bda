import { type LinuxContainerSecurityContext, SupplementalGroupsPolicy } from '../../gen/cri_pb.ts'
import { invalidArgument } from '../../lib/errors.ts'
import { type GroupEntry, maxId, type PasswdEntry, parseId } from './accounts.ts'

/** Who the container's process is. */
export interface ResolvedUser {
  readonly uid: number
  readonly gid: number
  /** All its groups in ascending order, `gid` among them (CVE-2022-36109: a process must be in its own primary group). */
  readonly additionalGids: readonly number[]
}

/** What the container's own /etc/passwd and /etc/group say; each is read only when it is asked for. */
export interface Accounts {
  /** Undefined when the image has no such file. */
  passwd(): readonly PasswdEntry[] | undefined
  group(): readonly GroupEntry[] | undefined
}

type UserFields = Pick<
  LinuxContainerSecurityContext,
  'runAsUser' | 'runAsUsername' | 'runAsGroup' | 'supplementalGroups' | 'supplementalGroupsPolicy'
>

/**
 * The user of a container: `run_as_username`, or `run_as_user`, or the image's user, or root. A user by number that the
 * image does not know is in group 0; one by name must be known. The policy Merge adds the groups that /etc/group lists for the
 * user; Strict does not.
 *
 * @param imageUser `user`, `uid`, `user:group`, …
 * @param imageName for messages
 */
export function resolveUser(
  security: UserFields | undefined,
  imageUser: string,
  imageName: string,
  accounts: Accounts,
): ResolvedUser {
  const wanted = wantedUser(security, imageUser)
  const primary = findPrimary(wanted, imageName, accounts)
  const asked = (security?.supplementalGroups ?? []).map((gid) => id('supplemental_groups', gid))
  const policy = security?.supplementalGroupsPolicy ?? SupplementalGroupsPolicy.Merge
  if (policy !== SupplementalGroupsPolicy.Merge && policy !== SupplementalGroupsPolicy.Strict) {
    throw invalidArgument(`supplemental_groups_policy: ${policy} is not a policy that Berth knows`)
  }
  const listed = policy === SupplementalGroupsPolicy.Merge ? listedGroups(wanted.user, accounts) : []
  const groups = new Set([primary.gid, ...asked, ...listed])
  return { ...primary, additionalGids: [...groups].sort((a, b) => a - b) }
}

interface WantedUser {
  /** A number or a name. */
  readonly user: string
  readonly group: string | undefined
}

function wantedUser(security: UserFields | undefined, imageUser: string): WantedUser {
  const uid = security?.runAsUser ? String(id('run_as_user', security.runAsUser.value)) : ''
  const gid = security?.runAsGroup ? String(id('run_as_group', security.runAsGroup.value)) : undefined
  const name = security?.runAsUsername ?? ''
  if (/[:\0\n]/.test(name)) throw invalidArgument(`run_as_username: ${JSON.stringify(name)} is not a user name`)
  if (name !== '' || uid !== '') return { user: name || uid, group: gid }
  if (gid !== undefined) throw invalidArgument('run_as_group is set without run_as_user or run_as_username')
  const [user = '', group = '', ...rest] = imageUser.split(':')
  if (rest.length > 0 || /[\0\n]/.test(imageUser)) {
    throw invalidArgument(`the user of the image is not of the form user:group: ${JSON.stringify(imageUser)}`)
  }
  return { user: user || '0', group: group || undefined }
}

function findPrimary(wanted: WantedUser, imageName: string, accounts: Accounts): { uid: number; gid: number } {
  const uid = numeric(wanted.user)
  const group = wanted.group === undefined ? undefined : findGroup(wanted.group, imageName, accounts)
  if (uid !== undefined) {
    const gid = group ?? accounts.passwd()?.find((entry) => entry.uid === uid)?.gid ?? 0
    return { uid, gid }
  }
  const entry = accounts.passwd()?.find(({ name }) => name === wanted.user)
  if (!entry) throw invalidArgument(`user "${wanted.user}" is not in the /etc/passwd of image "${imageName}"`)
  return { uid: entry.uid, gid: group ?? entry.gid }
}

function findGroup(group: string, imageName: string, accounts: Accounts): number {
  const gid = numeric(group)
  if (gid !== undefined) return gid
  const entry = accounts.group()?.find(({ name }) => name === group)
  if (!entry) throw invalidArgument(`group "${group}" is not in the /etc/group of image "${imageName}"`)
  return entry.gid
}

/** The groups that list the user as a member; the one named like the user is its own and not a supplementary one. */
function listedGroups(user: string, accounts: Accounts): number[] {
  const uid = numeric(user)
  const name = uid === undefined ? user : accounts.passwd()?.find((entry) => entry.uid === uid)?.name
  if (name === undefined) return []
  return (accounts.group() ?? [])
    .filter((entry) => entry.name !== name && entry.members.includes(name))
    .map(({ gid }) => gid)
}

/** The number that a text is, or undefined when it is a name. */
function numeric(text: string): number | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined
  const value = parseId(text)
  if (value === undefined) throw invalidArgument(`user or group id ${text} is not between 0 and ${maxId}`)
  return value
}

function id(field: string, value: bigint): number {
  if (value < 0n || value > BigInt(maxId)) throw invalidArgument(`${field}: ${value} is not between 0 and ${maxId}`)
  return Number(value)
}
