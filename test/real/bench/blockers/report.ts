/** The page that says what was measured of each blocker. */

export interface Row {
  readonly check: string;
  readonly setUp: string;
  /** The first finding of the preflight. */
  readonly said: string;
  /** The flags of mesh-migrate that accept it. */
  readonly flags: string;
  readonly happened: string;
  readonly unseen: string | undefined;
}

const opening = `# Blockers, and what happens when they are accepted

\`npm run bench:blockers\` writes this page. On a real mesh (Kubernetes 1.36.3, istiods 1.19.0 and 1.20.0 unless a row
says otherwise, nodes and pods without containers) each blocker is set up in a namespace of its own. \`kubectl
mesh-preflight --to 1-20 -n NAMESPACE\` has to find it and no other. Then \`kubectl mesh-migrate --workload-timeout 45s\`
goes on all the same, with the flags of the row, and what the blocker warns of has to happen: the bench fails where it
does not. What did not happen is in bold. Where \`--leave\` is the only way, what it leaves is then restarted by hand.
Names of pods are shortened.

| check | set up | what mesh-preflight said | what happened when it went on |
| --- | --- | --- | --- |
`;

const closing = `
Not in the table:

- \`kubernetes-version\`: the real mesh has one version of Kubernetes, which no target refuses.
- \`asked-together\`: the real mesh has no operator; it is answered by leaving all workloads of the operator's object.
- \`owned-workloads\`: the real mesh has no operator. \`test/contract/owners.test.ts\` has one of a few lines, which takes
  restarts back.
- \`pods-unplanned\`: it is about namespaces that are not in the plan, so nothing happens to them;
  \`test/contract/nothing-unsaid.test.ts\` shows what is said of them.
- Blockers that nothing accepts (\`target-exists\`, \`target-ready\`, \`target-ca-bundle\`, \`target-endpoints\`,
  \`namespaces-exist\`, \`namespaces-injected\`, \`one-injector\`, \`no-other-migration\`, \`label-admission\`,
  \`restart-admission\`): mesh-migrate does not go on.
`;

/** The page in Markdown; its rows are as long as they are. */
export const blockersPage = (rows: readonly Row[]): string => `${opening}${rows.map(rowText).join("")}${closing}`;

/** One row of its table. */
export const rowText = ({ check, setUp, said, flags, happened, unseen }: Row): string => {
  const went = `${flags === "" ? "No flag: mesh-migrate does not know this check" : `\`${flags}\``}. ${happened}.${unseen === undefined ? "" : ` *Not shown:* ${unseen}.`}`;
  return `| ${[`\`${check}\``, `${setUp}`, said, went].map(cell).join(" | ")} |\n`;
};

const cell = (text: string): string =>
  text
    .replaceAll(generated, "-…")
    .replaceAll(/\bns-[0-9a-f]{8}\b/g, "OTHER")
    .replaceAll(/\s*\n\s*/g, " ")
    .replaceAll("|", "\\|")
    .replaceAll(/\.\.( |$)/g, ".$1");

/** What controllers add to the names of pods and ReplicaSets: letters without vowels, and digits without 0, 1 and 3. */
const generated = /-[bcdfghjklmnpqrstvwxz2456789]{8,10}(-[bcdfghjklmnpqrstvwxz2456789]{5})?\b/g;
