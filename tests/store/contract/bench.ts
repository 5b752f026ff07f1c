import { afterEach, beforeEach } from 'vitest';
import type { Bounds, Lifetimes, Store } from '../../../src/store/store.ts';
import { Clock, keyring as defaultKeyring, type Engine, type Place } from './story.ts';

/** A fresh place for each test, and a clock that the test moves. */
export class Bench {
  clock = new Clock();
  #place: Place | undefined;
  #open: Store[] = [];

  constructor(engine: Engine) {
    beforeEach(async () => {
      this.clock = new Clock();
      this.#place = await engine.place();
    });
    afterEach(async () => {
      for (const store of this.#open.splice(0)) await store.close();
      await this.#place?.destroy();
    });
  }

  get place(): Place {
    if (!this.#place) throw new Error('no place');
    return this.#place;
  }

  /** Opens the place, again if called again: what a restart or another process sees. */
  async open(options: { lifetimes?: Partial<Lifetimes>; bounds?: Partial<Bounds>; keyring?: typeof defaultKeyring } = {}): Promise<Store> {
    const store = await this.place.open({ keyring: defaultKeyring, clock: this.clock.now, ...options });
    this.#open.push(store);
    return store;
  }
}
