/** Which parts of a picture mean which factors of the story: parts are places of quantities, wires "from>to". */

/** @param {any} data of the figure */
export function linksOf(data) {
  const { edges, quantities } = data.graph;
  const { lines, unit } = data.drawing;
  const wire = (line) => `${line.source}>${line.target}`;
  const isParameter = (place) => ["weight", "bias"].includes(quantities[place].kind);

  /** The lines that an edge goes along, or whose parameter it begins with. */
  function linesOf(edge) {
    const { source, target } = edges[edge];
    const [from, to] = [unit[source], unit[target]];
    return lines.filter(
      (line) => line.target === to && ((line.source === from && from !== to) || line.carries === source),
    );
  }

  /** The units at the ends of an edge, and the parameters at its beginning or on its line. */
  function partsOf(edge) {
    const { source, target } = edges[edge];
    const carried = linesOf(edge).flatMap((line) => line.carries ?? []);
    return [...new Set([source, unit[source], unit[target], ...carried])].filter((place) => place !== null);
  }

  /** What lights up with a factor: the unit within which it lies, else the parameter, else both units. */
  function litBy(edge) {
    const { source, target } = edges[edge];
    if (unit[source] !== null && unit[source] === unit[target]) return [unit[source]];
    const parameters = partsOf(edge).filter(isParameter);
    return parameters.length ? parameters : partsOf(edge);
  }

  return {
    litBy,
    wiresOf: (edge) => linesOf(edge).map(wire),
    /** What lies on paths. */
    along(paths) {
      const found = paths.flatMap((path) => path.edges);
      return { on: new Set(found.flatMap(partsOf)), wires: new Set(found.flatMap(linesOf).map(wire)) };
    },
    /** The factors of paths that a part of the picture stands for. */
    factorsOf(part, paths) {
      return paths.flatMap((path) => path.edges).filter((edge) => litBy(edge).includes(part));
    },
  };
}
