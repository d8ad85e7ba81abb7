/**
 * Advice for n8n's AI workflow builder, for parameters and nodes. The types of n8n-workflow 2.0.0 do not have it, so it is
 * spread into descriptions: then the compiler takes it with each version. n8n refuses a node that has it on its operation.
 */

/** @param propertyHint what to enter, without the syntax of expressions */
export const hintAtParameter = (propertyHint: string) => ({ builderHint: { propertyHint } });

/**
 * @param searchHint when to use the node, and how
 * @param nodeType the other node of the package
 * @param relationHint what that one is for
 */
export const hintAtNode = (searchHint: string, nodeType: string, relationHint: string) => ({
	builderHint: {
		searchHint,
		relatedNodes: [{ nodeType: `n8n-nodes-img-to-3d.${nodeType}`, relationHint }],
	},
});
