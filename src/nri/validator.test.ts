import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import {
  Field,
  PodSandboxSchema,
  SecurityProfile_ProfileType as Profile,
  SecurityProfileSchema,
} from '../gen/nri_pb.ts'
import { type Claim, Owners } from './merge/owners.ts'
import { type ValidatorSettings, validate } from './validator.ts'

const lenient: ValidatorSettings = {
  rejectHooks: false,
  rejectRuntimeDefaultSeccomp: false,
  rejectUnconfinedSeccomp: false,
  rejectCustomSeccomp: false,
  rejectNamespaces: false,
  rejectSysctls: false,
  requiredPlugins: [],
  tolerateMissingAnnotation: '',
}

function check(
  settings: Partial<ValidatorSettings>,
  {
    claims = [],
    annotations = {},
    profile,
  }: { claims?: Claim[]; annotations?: Record<string, string>; profile?: Profile },
) {
  const owners = new Owners()
  owners.claim('c', '10-b', claims)
  validate(
    { ...lenient, ...settings },
    {
      pod: create(PodSandboxSchema, { annotations }),
      container: { id: 'c', name: 'main' },
      seccompProfile: profile === undefined ? undefined : create(SecurityProfileSchema, { profileType: profile }),
      owners,
      plugins: [{ index: '10', base: 'b' }],
    },
  )
}

test('what is restricted may not be changed, and who did is named', () => {
  const cases: [Partial<ValidatorSettings>, Claim, Profile?][] = [
    [{ rejectHooks: true }, { field: Field.OciHooks }],
    [{ rejectNamespaces: true }, { field: Field.Namespace, key: 'pid' }],
    [{ rejectSysctls: true }, { field: Field.Sysctl, key: 'net.x' }],
    [{ rejectUnconfinedSeccomp: true }, { field: Field.SeccompPolicy }],
    [{ rejectRuntimeDefaultSeccomp: true }, { field: Field.SeccompPolicy }, Profile.RUNTIME_DEFAULT],
    [{ rejectCustomSeccomp: true }, { field: Field.SeccompPolicy }, Profile.LOCALHOST],
  ]
  for (const [settings, claim, profile] of cases) {
    const given = { claims: [claim], ...(profile !== undefined && { profile }) }
    assert.throws(() => check(settings, given), { code: 'failed-precondition', message: /10-b did/ })
    check({}, given)
    check(settings, {})
  }
  check({ rejectCustomSeccomp: true }, { claims: [{ field: Field.SeccompPolicy }], profile: Profile.RUNTIME_DEFAULT })
})

test('required plugins, of the node and of the pod', () => {
  check({ requiredPlugins: ['b', '10-b'] }, {})
  const missing = { code: 'failed-precondition', message: /requires the NRI plugins? x/ }
  assert.throws(() => check({ requiredPlugins: ['b', 'x'] }, {}), missing)
  const key = 'required-plugins.noderesource.dev'
  assert.throws(() => check({}, { annotations: { [key]: '[x]' } }), missing)
  assert.throws(() => check({}, { annotations: { [`${key}/container.main`]: '- x' } }), missing)
  check({}, { annotations: { [`${key}/container.other`]: '[x]', [`${key}/pod`]: '[b]' } })
  assert.throws(() => check({}, { annotations: { [key]: '{not: a list}' } }), /not a YAML list/)
})

test('a pod may be allowed to do without', () => {
  const settings = { requiredPlugins: ['x'], tolerateMissingAnnotation: 'example.com/tolerate' }
  check(settings, { annotations: { 'example.com/tolerate': 'true' } })
  check(settings, { annotations: { 'example.com/tolerate/container.main': 'true' } })
  assert.throws(() => check(settings, { annotations: { 'example.com/tolerate': 'false' } }), /requires/)
  assert.throws(() => check(settings, { annotations: { 'example.com/tolerate': 'maybe' } }), /true or false/)
})
