import type { ContainerConfig, PodSandboxConfig } from '../client/index.ts'
import type { Cli } from './cli.ts'
import { authOf, type CredentialOptions } from './credentials.ts'

/** Pulls the image of a container config for a pod. */
export async function pullFor(
  cli: Cli,
  { image }: ContainerConfig,
  sandboxConfig: PodSandboxConfig,
  credentials: CredentialOptions,
): Promise<void> {
  const auth = authOf(credentials)
  await cli.cri.image.pullImage({ ...(image && { image }), ...(auth && { auth }), sandboxConfig }, cli.work)
}
