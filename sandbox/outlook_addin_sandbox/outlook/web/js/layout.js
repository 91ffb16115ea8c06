// @ts-check
/**
 * Side-by-side columns for events that overlap.
 *
 * @template {{start: Date, end: Date}} T
 * @param {T[]} events of one day
 * @returns {{event: T, column: number, columns: number}[]} events that touch share `columns`
 */
export function sideBySide(events) {
  const sorted = [...events].sort(
    (a, b) => a.start.getTime() - b.start.getTime() || b.end.getTime() - a.end.getTime(),
  );
  /** @type {{event: T, column: number, columns: number}[]} */
  const placed = [];
  /** @type {{event: T, column: number, columns: number}[]} */
  let cluster = [];
  let clusterEnd = -Infinity;
  for (const event of sorted) {
    if (event.start.getTime() >= clusterEnd) cluster = [];
    const taken = new Set(cluster.filter((one) => one.event.end > event.start).map((one) => one.column));
    let column = 0;
    while (taken.has(column)) column += 1;
    cluster.push({ event, column, columns: 1 });
    placed.push(cluster[cluster.length - 1]);
    clusterEnd = Math.max(cluster.length === 1 ? -Infinity : clusterEnd, event.end.getTime());
    const columns = Math.max(...cluster.map((one) => one.column)) + 1;
    for (const one of cluster) one.columns = columns;
  }
  return placed;
}
