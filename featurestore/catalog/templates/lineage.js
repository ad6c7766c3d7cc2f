// Draws the lineage of one column as `featurestore lineage` does: one box per table, inputs at the left.
const lineage = (() => {
  const ROW = 20, TITLE = 40, PADDING = 14, MARGIN = 16, CHARACTER = 7.3;
  const BETWEEN_LAYERS = 90, BETWEEN_BOXES = 22, ROUNDS = 4, LONGEST = 44, LEAST_WIDTH = 126;
  const MOST_TABLES = 60; // More than a reader follows.
  let tables;

  const shortened = (text) =>
    text.length <= LONGEST ? text : `${text.slice(0, LONGEST / 2 - 1)}…${text.slice(-LONGEST / 2)}`;
  const columnText = (table, column) => {
    const name = tables[table].columns[column];
    return shortened(name === "*" ? "(its rows)" : name);
  };

  // Breadth first, so that the nearest tables come first.
  const walk = (start) => {
    const edges = [], waiting = [start], seen = new Set([start.join()]);
    for (const target of waiting) {
      const inputs = tables[target[0]].inputs?.[target[1]] ?? [];
      for (let at = 0; at < inputs.length; at += 2) {
        const source = [inputs[at], inputs[at + 1]];
        edges.push([source, target]);
        if (!seen.has(source.join())) waiting.push(source);
        seen.add(source.join());
      }
    }
    return edges;
  };

  // The layer of each table: right of all its inputs, just left of its first reader; services last.
  const layersOf = (nodes, edges) => {
    const texts = new Set(edges.map(([source, target]) => `${source[0]},${target[0]}`));
    const pairs = [...texts].map((text) => text.split(",").map(Number)).filter(([s, t]) => s !== t);
    pairs.sort((one, other) => one[0] - other[0] || one[1] - other[1]);
    const layers = new Map(nodes.map((node) => [node, 0]));
    for (let round = 0; round < nodes.length; round += 1) {
      const late = pairs.filter(([s, t]) => layers.get(t) <= layers.get(s)).map(([s, t]) => [t, layers.get(s) + 1]);
      if (!late.length) break;
      for (const [node, layer] of late) layers.set(node, layer);
    }
    const last = Math.max(...layers.values());
    for (const node of nodes) if (tables[node].kind === "service") layers.set(node, last);
    for (const node of [...nodes].sort((one, other) => layers.get(other) - layers.get(one))) {
      const readers = pairs.filter(([source]) => source === node).map(([, target]) => layers.get(target));
      if (readers.length) layers.set(node, Math.min(...readers) - 1);
    }
    return layers;
  };

  // Sorts each layer by the mean rank of its neighbours, so that fewer lines cross.
  const ordered = (boxes, edges) => {
    const layers = [...new Set(boxes.map((box) => box.layer))].sort((one, other) => one - other)
      .map((layer) => boxes.filter((box) => box.layer === layer));
    const near = new Map(boxes.map((box) => [box.node, new Set()]));
    for (const [[source], [target]] of edges) {
      near.get(source).add(target);
      near.get(target).add(source);
    }
    for (let round = 0; round < ROUNDS; round += 1) {
      const rank = new Map(layers.flatMap((layer) => layer.map((box, place) => [box.node, place / layer.length])));
      for (const box of boxes) {
        const ranks = [...near.get(box.node)].map((node) => rank.get(node));
        box.mean = ranks.reduce((sum, one) => sum + one, 0) / (ranks.length || 1);
      }
      for (const layer of layers) layer.sort((one, other) => one.mean - other.mean || one.node - other.node);
    }
    return layers;
  };

  const boxOf = (node, columns, layer) => {
    const rows = [...columns].sort((one, other) => one - other);
    const words = [shortened(tables[node].label), ...rows.map((column) => columnText(node, column))];
    return {
      node, layer, rows,
      width: Math.max(Math.ceil(Math.max(...words.map((word) => word.length)) * CHARACTER) + 2 * PADDING, LEAST_WIDTH),
      height: TITLE + ROW * rows.length + (rows.length ? PADDING / 2 : 0),
    };
  };

  const place = (layers) => {
    const heights = layers.map((layer) => layer.reduce((sum, box) => sum + box.height + BETWEEN_BOXES, -BETWEEN_BOXES));
    let x = MARGIN;
    layers.forEach((layer, number) => {
      let y = MARGIN + Math.floor((Math.max(...heights) - heights[number]) / 2);
      for (const box of layer) {
        Object.assign(box, { x, y });
        y += box.height + BETWEEN_BOXES;
      }
      x += Math.max(...layer.map((box) => box.width)) + BETWEEN_LAYERS;
    });
  };

  const rowAt = (box, column) =>
    box.rows.includes(column) ? box.y + TITLE + ROW * box.rows.indexOf(column) + ROW / 2 : box.y + TITLE / 2;

  const drawnEdge = (places, [source, target]) => {
    const from = places.get(source[0]), to = places.get(target[0]);
    const x1 = from.x + from.width, y1 = rowAt(from, source[1]), x2 = to.x, y2 = rowAt(to, target[1]);
    const bend = Math.max(Math.floor((x2 - x1) / 2), 24);
    return element("path", { d: `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}` });
  };

  const drawnRow = (box, column, focus) => {
    const y = rowAt(box, column), why = tables[box.node].doubts?.[column];
    const mark = { class: "focus", x: box.x + 4, y: y - ROW / 2 + 1, width: box.width - 8, height: ROW - 2, rx: 3 };
    return [
      box.node === focus[0] && column === focus[1] && element("rect", mark),
      element("text", { ...(why && { class: "untraced" }), x: box.x + PADDING, y: y + 4 },
        why && element("title", {}, `could not trace: ${why}`), `${columnText(box.node, column)}${why ? " ?" : ""}`),
    ];
  };

  const drawnBox = (box, focus) => {
    const { label, kind } = tables[box.node];
    const { x, y, width, height } = box, text = x + PADDING;
    const word = { view: "feature view", service: "feature service" }[kind] ?? kind;
    return element("g", {},
      element("rect", { class: "box", x, y, width, height, rx: 6 }),
      element("g", { style: `fill:var(--${kind})` },
        element("rect", { x, y: y + 4, width: 3, height: height - 8 }),
        element("text", { class: "kind", x: text, y: y + 15 }, word)),
      element("text", { class: "name", x: text, y: y + 31 }, shortened(label)),
      box.rows.flatMap((column) => drawnRow(box, column, focus)));
  };

  const draw = (focus, services) => {
    const taken = tables.flatMap(({ kind, label }, node) => (kind === "service" && services.includes(label) ? [node] : []));
    const edges = [...taken.map((node) => [focus, [node, -1]]), ...walk(focus)];
    const all = [...new Set([focus[0], ...taken, ...edges.map(([source]) => source[0])])];
    const nodes = all.slice(0, MOST_TABLES).sort((one, other) => one - other);
    const columns = new Map(nodes.map((node) => [node, new Set()]));
    const shown = edges.filter(([source, target]) => columns.has(source[0]) && columns.has(target[0]));
    for (const [node, column] of [focus, ...shown.map(([source]) => source)]) columns.get(node).add(column);
    const layers = layersOf(nodes, shown);
    const boxes = nodes.map((node) => boxOf(node, columns.get(node), layers.get(node)));
    place(ordered(boxes, shown));
    const places = new Map(boxes.map((box) => [box.node, box]));
    const width = Math.max(...boxes.map((box) => box.x + box.width)) + MARGIN;
    const height = Math.max(...boxes.map((box) => box.y + box.height)) + MARGIN;
    const picture = element("svg", { class: "lineage", role: "img", width, height, viewBox: `0 0 ${width} ${height}` },
      element("title", {}, `Lineage of ${tables[focus[0]].columns[focus[1]]}`),
      element("rect", { class: "paper", width: "100%", height: "100%" }),
      shown.map((edge) => drawnEdge(places, edge)), boxes.map((box) => drawnBox(box, focus)));
    return { picture, tables: all.length, drawn: nodes.length, doubt: tables[focus[0]].doubts?.[focus[1]] };
  };

  return (table, name, services) => {
    tables ??= JSON.parse(document.getElementById("lineage").textContent);
    return draw([table, tables[table].columns.indexOf(name.toLowerCase())], services);
  };
})();
