import { describe, expect, it } from 'vitest';

import { isolated, orderly } from './outside';

describe('a text from outside', () => {
  it('keeps its letters, of any script, and loses what turns the order of others', () => {
    expect(orderly('\u202Egnp.exe \u2067x\u2069 שגיאה\u200F اتصال')).toBe('gnp.exe x שגיאה\u200F اتصال');
  });

  it('cannot end its isolation', () => {
    expect(isolated('\u2069\u2069\u202Eabc')).toBe('\u2068abc\u2069');
  });
});
