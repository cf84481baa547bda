import { Event, EventSchema } from '../gen/nri_pb.ts'

/** The bit of an event in a plugin's subscription. */
export function eventBit(event: Event): number {
  return 1 << (event - 1)
}

/** Every event of the API. */
export const allEvents = eventBit(Event.LAST) - 1

/** The events of a subscription by name, for the log. */
export function eventNames(subscription: number): string[] {
  return EventSchema.values
    .filter(({ number }) => number > 0 && number < Event.LAST && (subscription & eventBit(number as Event)) !== 0)
    .map(({ name }) => name)
}
