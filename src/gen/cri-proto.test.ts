import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf'
import { file_cri, ImageService, RuntimeService } from './cri_pb.ts'

/** The reference of the wire facts; lies beside the checkout, not in it. */
const wirePath = join(import.meta.dirname, '../../../shared/reference/cri-v1.wire.json')

interface WireField {
  readonly type: string
  readonly id: number
  readonly rule?: 'repeated'
  readonly keyType?: string
}
interface WireMethod {
  readonly requestType: string
  readonly responseType: string
  readonly requestStream?: boolean
  readonly responseStream?: boolean
}
interface WireType {
  readonly fields?: Record<string, WireField>
  readonly values?: Record<string, number>
  readonly methods?: Record<string, WireMethod>
  readonly nested?: Record<string, WireType>
}

/**
 * Fields that the reference lacks, because its JSON form has a key `options` of its own and dropped the fields of that
 * name. Without Namespace.options the kubelet could not see the network mode of a sandbox.
 */
const lostByTheReference: Record<string, Record<string, WireField>> = {
  DNSConfig: { options: { rule: 'repeated', type: 'string', id: 3 } },
  Namespace: { options: { type: 'NamespaceOption', id: 2 } },
}

test('the services have their RPCs', () => {
  assert.equal(RuntimeService.typeName, 'runtime.v1.RuntimeService')
  assert.equal(ImageService.typeName, 'runtime.v1.ImageService')
  assert.equal(RuntimeService.methods.length, 35)
  assert.equal(ImageService.methods.length, 6)
  const streaming = [...RuntimeService.methods, ...ImageService.methods].filter((m) => m.methodKind !== 'unary')
  assert.deepEqual(
    streaming.map((method) => `${method.name} ${method.methodKind}`).sort(),
    ['StreamPodSandboxes', 'StreamContainers', 'StreamContainerStats', 'StreamPodSandboxStats', 'GetContainerEvents']
      .concat(['StreamPodSandboxMetrics', 'StreamImages'])
      .map((name) => `${name} server_streaming`)
      .sort(),
  )
})

test('field numbers that are easily got wrong', () => {
  const number = (message: string, field: string) =>
    file_cri.messages.find((m) => m.name === message)?.fields.find((f) => f.name === field)?.number
  assert.equal(number('ImageSpec', 'user_specified_image'), 18)
  assert.equal(number('ImageSpec', 'image_ref'), 20)
  assert.equal(number('LinuxSandboxSecurityContext', 'run_as_group'), 8)
  assert.equal(number('LinuxContainerSecurityContext', 'run_as_group'), 12)
  assert.equal(number('LinuxContainerSecurityContext', 'supplemental_groups_policy'), 17)
  assert.equal(number('ContainerConfig', 'stop_signal'), 18)
  assert.equal(number('ContainerStatus', 'stop_signal'), 19)
  assert.equal(number('Namespace', 'options'), 2)
  assert.equal(number('DNSConfig', 'options'), 3)
})

test('every message, field, enum and RPC is as in the reference', { skip: !existsSync(wirePath) }, () => {
  const wire = JSON.parse(readFileSync(wirePath, 'utf8')).nested.runtime.nested.v1.nested as Record<string, WireType>
  const expected = Object.entries(wire).flatMap(([name, type]) => factsOfWire(name, type))
  const actual = [
    ...file_cri.messages.flatMap(factsOfMessage),
    ...file_cri.enums.flatMap((e) => e.values.map((v) => `${e.name}.${v.name} = ${v.number}`)),
    ...file_cri.services.flatMap((service) =>
      service.methods.map((m) => {
        const stream = m.methodKind === 'server_streaming' ? 'stream ' : ''
        return `rpc ${service.name}.${m.name}(${m.input.name}) ${stream}${m.output.name}`
      }),
    ),
  ]
  assert.deepEqual(actual.sort(), expected.sort())
})

function factsOfWire(name: string, type: WireType): string[] {
  const fields = { ...type.fields, ...lostByTheReference[name] }
  return [
    ...(type.fields ? [`message ${name}`] : []),
    ...Object.entries(fields).map(([field, { rule, keyType, type: of, id }]) => {
      const written = keyType ? `map<${keyType}, ${of}>` : rule === 'repeated' ? `repeated ${of}` : of
      return `${name}: ${written} ${field} = ${id}`
    }),
    ...Object.entries(type.values ?? {}).map(([value, id]) => `${name}.${value} = ${id}`),
    ...Object.entries(type.methods ?? {}).map(([method, m]) => {
      assert.equal(m.requestStream ?? false, false)
      return `rpc ${name}.${method}(${m.requestType}) ${m.responseStream ? 'stream ' : ''}${m.responseType}`
    }),
    ...Object.entries(type.nested ?? {}).flatMap(([inner, nested]) => factsOfWire(inner, nested)),
  ]
}

function factsOfMessage(message: DescMessage): string[] {
  return [
    `message ${message.name}`,
    ...message.fields.map((field) => `${message.name}: ${typeOf(field)} ${field.name} = ${field.number}`),
    ...message.nestedEnums.flatMap((e) => e.values.map((v) => `${e.name}.${v.name} = ${v.number}`)),
  ]
}

function typeOf(field: DescField): string {
  const element = field.enum?.name ?? field.message?.name ?? scalarName(field.scalar)
  if (field.fieldKind === 'map') return `map<${scalarName(field.mapKey)}, ${element}>`
  return field.fieldKind === 'list' ? `repeated ${element}` : element
}

function scalarName(scalar: ScalarType | undefined): string {
  return scalar === undefined ? 'none' : (ScalarType[scalar]?.toLowerCase() ?? 'none')
}
