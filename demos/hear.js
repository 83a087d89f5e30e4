// A narration is heard while it is made: samples from the server, put one after the other on the clock of the sound card.
(() => {
  let context = null, now = null;
  const awake = () => { context ??= new AudioContext(); context.resume(); };
  const say = (panel, words) => {
    panel.querySelector('.vk-hear-said').textContent = words;
    panel.querySelector('.vk-hear-now').hidden = true;
  };
  const end = (one, words) => {
    if (now === one) now = null;
    one.over = true;
    one.stop.abort();
    for (const source of one.sources) source.stop();
    one.sources.clear();
    one.panel.querySelector('.vk-hear-stop').hidden = true;
    one.panel.dataset.state = 'over';
    say(one.panel, words);
  };
  const sound = (one, rate, bytes) => {
    const samples = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), count = bytes.byteLength / 2;
    if (!count) return;
    const buffer = new AudioBuffer({ length: count, sampleRate: rate }), into = buffer.getChannelData(0);
    for (let k = 0; k < count; k++) into[k] = samples.getInt16(2 * k, true) / 32768;
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(context.destination);
    one.next = Math.max(one.next, context.currentTime + 0.12);
    source.start(one.next);
    one.next += count / rate;
    one.sources.add(source);
    source.onended = () => one.sources.delete(source);
    one.panel.dataset.heard = (parseFloat(one.panel.dataset.heard || 0) + count / rate).toFixed(2);
  };
  const listen = async (panel) => {
    if (now) end(now, 'Stopped listening.');
    const one = { panel, sources: new Set(), next: 0, over: false, stop: new AbortController() };
    now = one;
    panel.dataset.state = 'listening';
    awake();
    try {
      const answer = await fetch(`hear/${panel.dataset.hear}`, { signal: one.stop.signal, cache: 'no-store' });
      if (!answer.ok) throw new Error(answer.status);
      const reader = answer.body.getReader();
      let held = new Uint8Array(0), rate = 0;
      for (;;) {
        const { done, value } = await reader.read();
        if (one.over) return;
        if (done) throw new Error('cut off');
        const more = new Uint8Array(held.length + value.length);
        more.set(held);
        more.set(value, held.length);
        held = more;
        for (;;) {
          if (held.length < 4) break;
          const number = new DataView(held.buffer, held.byteOffset).getUint32(0, true);
          if (!panel.dataset.rate) {
            rate = number;
            panel.dataset.rate = rate;
            held = held.slice(4);
            continue;
          }
          if (number === 0xFFFFFFFF) return end(one, 'It was stopped: nothing of it is kept.');
          if (number === 0) {
            panel.dataset.state = 'made';
            say(panel, 'It is made to the end. The file with its receipt is there.');
            const rest = Math.max(0, one.next - context.currentTime) * 1000;
            setTimeout(() => { if (now === one) end(one, 'Heard to the end. The file with its receipt is there.'); }, rest);
            return;
          }
          if (held.length < 4 + number) break;
          sound(one, rate, held.slice(4, 4 + number));
          held = held.slice(4 + number);
        }
      }
    } catch (problem) {
      if (!one.over) end(one, 'It can no longer be heard from here; the file comes all the same.');
    }
  };
  document.addEventListener('click', (event) => {
    if (event.target.closest('#narrate-go') && document.querySelector('#narrate-listen input')?.checked) awake();
    if (event.target.closest('.vk-hear-stop') && now) end(now, 'Stopped listening; the file is made all the same.');
    if (event.target.closest('#narrate-stop') && now) end(now, 'It was stopped: nothing of it is kept.');
  });
  const look = () => {
    const panel = document.querySelector('#narrate-hear [data-hear]');
    if (panel && !panel.dataset.state) listen(panel);
  };
  const begin = () => new MutationObserver(look).observe(document.body, { subtree: true, childList: true });
  if (document.body) begin(); else document.addEventListener('DOMContentLoaded', begin);
})();
