export function patchDns(resolve: (hostname: string) => string | null | undefined): () => void;
