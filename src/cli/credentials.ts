import type { Command } from 'commander'
import { invalidArgument } from '../lib/errors.ts'

export interface CredentialOptions {
  readonly creds?: string
  readonly auth?: string
}

/** Adds the options that say who pulls. */
export function addCredentialOptions(command: Command): Command {
  return command
    .option('--creds <user[:password]>', 'log in to the registry as this user')
    .option('--auth <base64>', 'log in to the registry with this "user:password" in base64')
}

/** The AuthConfig of a pull; undefined for an anonymous one. */
export function authOf({
  creds,
  auth,
}: CredentialOptions): { auth: string } | { username: string; password: string } | undefined {
  if (creds !== undefined && auth !== undefined) throw invalidArgument('give --creds or --auth, not both')
  if (auth !== undefined) return { auth }
  if (creds === undefined) return undefined
  const [username = '', ...password] = creds.split(':')
  if (username === '') throw invalidArgument('--creds must be written as user:password')
  return { username, password: password.join(':') }
}
