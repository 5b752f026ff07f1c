// Loaded into a replica by NODE_OPTIONS: its host's clock is wrong by so many milliseconds.
const ms = Number(process.env.TEST_CLOCK_SHIFT ?? 0);
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...args) {
    super(...(args.length === 0 ? [RealDate.now() + ms] : args));
  }
  static now() {
    return RealDate.now() + ms;
  }
};
