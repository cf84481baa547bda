// Lists pods with their containers: node examples/client/pods.ts
import { ContainerStateSchema, connect, discoverEndpoint, PodSandboxStateSchema } from 'berth/client'

using cri = connect(await discoverEndpoint(), { timeout: 10_000 })
const { runtimeName, runtimeVersion } = await cri.runtime.version()
console.log(`${runtimeName} ${runtimeVersion} at ${cri.endpoint}`)
const { items } = await cri.runtime.listPodSandbox({})
for (const { id, metadata, state } of items) {
  console.log(`${metadata?.namespace}/${metadata?.name}: ${PodSandboxStateSchema.value[state]?.name}`)
  const { containers } = await cri.runtime.listContainers({ filter: { podSandboxId: id } })
  for (const { metadata, state } of containers) console.log(`  ${metadata?.name}: ${ContainerStateSchema.value[state]?.name}`)
}
