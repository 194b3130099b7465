interface Window { ready?: boolean; map?: unknown }
