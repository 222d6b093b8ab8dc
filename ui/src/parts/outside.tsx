// Characters that turn the order of what follows; one that ends an isolation more than there are would end ours.
const turning = /[\u202A-\u202E\u2066-\u2069]/g;

/** A text without the characters that turn the order of others. */
export const orderly = (text: string): string => text.replace(turning, '');

/** A text that somebody else wrote, as a part of a sentence of ours: it goes in its own direction, and nothing around it does. */
export function Outside({ text }: { text: string }) {
  return <bdi>{orderly(text)}</bdi>;
}

/** The same where there can be no element: in a notice, or a title. */
export const isolated = (text: string): string => `\u2068${orderly(text)}\u2069`;
