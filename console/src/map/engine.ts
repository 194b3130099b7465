/** MapLibre as this console runs it: its worker, archives read with the reader's token, no turning, no moving by itself. */
import { AttributionControl, Map as GlMap, addProtocol, setWorkerUrl, type RequestParameters, type StyleSpecification } from 'maplibre-gl';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url';
import { PMTiles, Protocol, type RangeResponse, type Source } from 'pmtiles';
import { token } from '../lib/api';

/** Reads ranges of an archive of the node. Its address has the version in it, so the bytes at an address never change. */
class NodeArchive implements Source {
  constructor(private readonly url: string) {}
  getKey(): string { return this.url; }
  async getBytes(offset: number, length: number, signal?: AbortSignal): Promise<RangeResponse> {
    const headers = new Headers({ Range: `bytes=${offset}-${offset + length - 1}` });
    const secret = token.get();
    if (secret) headers.set('Authorization', `Bearer ${secret}`);
    const answer = await fetch(this.url, signal ? { headers, signal } : { headers });
    if (answer.status !== 206) throw new Error(`${this.url}: ${answer.status}, a part was asked for`);
    return { data: await answer.arrayBuffer() };
  }
}

let protocol: Protocol | null = null;
/** Without `metadata` the archive's attribution would be missing, which the licence of the data asks for. */
function archives(): Protocol {
  if (!protocol) {
    setWorkerUrl(workerUrl);
    protocol = new Protocol({ metadata: true });
    addProtocol('pmtiles', protocol.tile);
  }
  return protocol;
}
export function knowArchive(url: string): void {
  if (!archives().get(url)) archives().add(new PMTiles(new NodeArchive(url)));
}

/** The token goes to the node and to no one else. */
export function withToken(url: string, origin: string): RequestParameters {
  const secret = token.get();
  return secret && url.startsWith(`${origin}/`) ? { url, headers: { Authorization: `Bearer ${secret}` } } : { url };
}

/** Throws where there is no WebGL 2. */
export function createMap(container: HTMLElement, style: StyleSpecification, label: string, attribution: string | null): GlMap {
  archives();
  const map = new GlMap({
    container, style, attributionControl: false, fadeDuration: 0, minZoom: 1, maxZoom: 20, renderWorldCopies: false,
    dragRotate: false, pitchWithRotate: false, touchPitch: false, maxPitch: 0, locale: { 'Map.Title': label },
    transformRequest: (url) => withToken(url, location.origin),
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new AttributionControl({ compact: false, ...(attribution ? { customAttribution: attribution } : {}) }), 'bottom-right');
  return map;
}
