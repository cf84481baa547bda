import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { errnoOf, failedPrecondition, messageOf } from '../../lib/errors.ts'
import type { AuthConfig } from '../image.ts'
import type { ImageReference } from '../reference.ts'

/** Asks a credential helper (`docker-credential-<helper> get`) for a server; answers its stdout. */
export type RunHelper = (helper: string, server: string) => Promise<string>

const entry = v.object({
  auth: v.nullish(v.string(), ''),
  username: v.nullish(v.string(), ''),
  password: v.nullish(v.string(), ''),
  identitytoken: v.nullish(v.string(), ''),
  registrytoken: v.nullish(v.string(), ''),
})
const helperName = v.pipe(v.string(), v.regex(/^[\w.-]*$/, 'is not the name of a credential helper'))
const file = v.object({
  auths: v.nullish(v.record(v.string(), entry), {}),
  credHelpers: v.nullish(v.record(v.string(), helperName), {}),
  credsStore: v.nullish(helperName, ''),
})
const helperAnswer = v.object({ Username: v.string(), Secret: v.string() })

/**
 * The credentials that docker's `config.json` has for an image, or undefined. The entry of the longest path that the image's
 * name begins with counts (`host/team/app`, `host/team`, `host`), as in containers-auth.json(5). The file is read anew each
 * time. Throws `failed-precondition` when it is damaged or a helper fails.
 */
export async function credentialsFromFile(
  path: string,
  reference: ImageReference,
  runHelper: RunHelper | undefined,
): Promise<AuthConfig | undefined> {
  const { auths, credHelpers, credsStore } = await readAuthFile(path)
  const servers = new Map(Object.keys(auths).map((key) => [canonical(key), key]))
  const helpers = new Map(Object.entries(credHelpers).map(([key, helper]) => [canonical(key), helper]))
  for (const scope of scopesOf(reference)) {
    const helper = helpers.get(scope)
    if (helper) return await askHelper(path, helper, scope, runHelper)
    const found = auths[servers.get(scope) ?? '']
    if (!found || Object.values(found).every((value) => value === '')) continue
    const { auth, username, password, identitytoken, registrytoken } = found
    return { auth, username, password, identityToken: identitytoken, registryToken: registrytoken }
  }
  return credsStore ? await askHelper(path, credsStore, serverOf(reference.host), runHelper) : undefined
}

async function readAuthFile(path: string): Promise<v.InferOutput<typeof file>> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return { auths: {}, credHelpers: {}, credsStore: '' }
    throw failedPrecondition(`the file of registry credentials ${path} cannot be read`, error)
  }
  try {
    return v.parse(file, JSON.parse(text))
  } catch (error) {
    // A JSON error quotes what it read, and that may be a password.
    const why = error instanceof v.ValiError ? messageOf(error) : 'it is not JSON'
    throw failedPrecondition(`the file of registry credentials ${path} cannot be used: ${why}`)
  }
}

async function askHelper(path: string, helper: string, scope: string, runHelper: RunHelper | undefined) {
  if (!runHelper) return undefined
  try {
    const text = await runHelper(helper, serverOf(scope))
    if (/credentials not found/i.test(text)) return undefined
    const { Username, Secret } = v.parse(helperAnswer, JSON.parse(text))
    return Username === '<token>' ? { identityToken: Secret } : { username: Username, password: Secret }
  } catch (error) {
    const why =
      error instanceof SyntaxError || error instanceof v.ValiError ? 'its answer makes no sense' : messageOf(error)
    throw failedPrecondition(`the credential helper "${helper}" of ${path} failed: ${why}`)
  }
}

/** `host/a/b`, `host/a`, `host`. */
function scopesOf({ host, repository }: ImageReference): string[] {
  const parts = repository.split('/')
  return [...parts.map((_, at) => `${host}/${parts.slice(0, parts.length - at).join('/')}`), host]
}

/** Docker Hub is known by the URL of an interface that is long gone. */
const hubServer = 'https://index.docker.io/v1/'

function serverOf(host: string): string {
  return host === 'docker.io' ? hubServer : host
}

function canonical(key: string): string {
  const bare = key.replace(/^https?:\/\//, '').replace(/\/(v1|v2)?\/?$/, '')
  return bare === 'index.docker.io' || bare === 'registry-1.docker.io' ? 'docker.io' : bare
}
