import sharp from 'sharp';

import { identifyImage } from '../../nodes/ImgTo3d/image-type';

const latin1 = (text: string) => Buffer.from(text, 'latin1');
const isoMedia = (brand: string) => latin1(`\0\0\0\x18ftyp${brand}\0\0\0\0${brand}`);
const picture = (width = 40, channels: 3 | 4 = 3) =>
	sharp({ create: { width, height: 30, channels, background: { r: 200, g: 80, b: 20, alpha: 0.5 } } });

describe('an image that the service takes is recognized:', () => {
	test.each<[string, string, () => Promise<Buffer>]>([
		['a JPEG', 'image/jpeg', async () => await picture().jpeg().toBuffer()],
		['a JPEG in CMYK', 'image/jpeg', async () => await picture().toColorspace('cmyk').jpeg().toBuffer()],
		[
			'a rotated JPEG',
			'image/jpeg',
			async () => await picture().withMetadata({ orientation: 6 }).jpeg().toBuffer(),
		],
		['a progressive JPEG', 'image/jpeg', async () => await picture().jpeg({ progressive: true }).toBuffer()],
		['a PNG with 16 bits', 'image/png', async () => await picture().toColorspace('rgb16').png().toBuffer()],
		['a transparent PNG', 'image/png', async () => await picture(40, 4).png().toBuffer()],
		['a PNG 9,000 px wide', 'image/png', async () => await picture(9000).png().toBuffer()],
		['a WebP', 'image/webp', async () => await picture().webp().toBuffer()],
		['a lossless WebP', 'image/webp', async () => await picture().webp({ lossless: true }).toBuffer()],
		['a GIF', 'image/gif', async () => await picture().gif().toBuffer()],
		[
			'an animated GIF',
			'image/gif',
			async () =>
				await sharp(Buffer.alloc(40 * 60 * 3, 7), {
					raw: { width: 40, height: 60, channels: 3, pageHeight: 30 },
				})
					.gif()
					.toBuffer(),
		],
		['a GIF87a', 'image/gif', async () => await Promise.resolve(latin1('GIF87a\x01\0\x01\0\0\0\0'))],
	])('%s', async (_name, mimeType, make) => {
		expect(identifyImage((await make()).subarray(0, 512))).toEqual({ mimeType });
	});
});

const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>';

const DAMAGED = /node that made the file/;

/** Makes a PNG that says that it has this size. */
async function makePng(width: number, height: number): Promise<Buffer> {
	const png = await picture().png().toBuffer();
	png.writeUInt32BE(width, 16);
	png.writeUInt32BE(height, 20);
	return png;
}

describe('another file is named, with advice:', () => {
	test.each<[string, string | RegExp, Buffer | (() => Promise<Buffer>)]>([
		['a HEIC photo', /iPhone: Settings, Camera/, isoMedia('heic')],
		['a HEIC photo', /iPhone: Settings, Camera/, isoMedia('mif1')],
		['an AVIF image', /Save it as/, async () => await picture().avif().toBuffer()],
		['a raw photo (CR3)', /Save it as/, isoMedia('crx ')],
		['a video', /single picture/, isoMedia('isom')],
		['a video', /single picture/, isoMedia('qt  ')],
		['a video', /single picture/, latin1('\x1a\x45\xdf\xa3\x9fB\x86\x81\x01')],
		['a video', /single picture/, latin1('RIFF\x24\0\0\0AVI LIST')],
		['a video', /single picture/, latin1('\0\0\0\x08wide\0\0\0\x08mdat')],
		['a BMP image', /Edit Image/, latin1('BM\x46\0\0\0\0\0\0\0\x36\0\0\0')],
		['a TIFF image', /Edit Image/, async () => await picture().tiff().toBuffer()],
		['a TIFF image', /Edit Image/, latin1('MM\0*\0\0\0\x08')],
		['a TIFF image', /Edit Image/, latin1('II+\0\x08\0\0\0')],
		['a raw photo (CR2)', /Save it as/, latin1('II*\0\x10\0\0\0CR\x02\0')],
		['a JPEG XL image', /Save it as/, latin1('\xff\x0a\xfa\x1f')],
		['a JPEG 2000 image', /Save it as/, latin1('\0\0\0\x0cjP  \r\n\x87\n')],
		['an icon (ICO)', /Save it as/, latin1('\0\0\x01\0\x01\0')],
		['a PostScript drawing (EPS)', /Save it as/, latin1('%!PS-Adobe-3.0 EPSF-3.0\n')],
		['a Photoshop file', /Save it as/, latin1('8BPS\0\x01')],
		['a PDF document', /Save the picture/, latin1('%PDF-1.7')],
		['a ZIP archive or an Office document', /Unpack/, latin1('PK\x03\x04\x14\0')],
		['a gzip archive', /Unpack/, latin1('\x1f\x8b\x08\0')],
		['a GLB file', /picture of the object/, latin1('glTF\x02\0\0\0\x0c\0\0\0')],
		['an SVG drawing', /Save it as/, latin1(SVG)],
		['an SVG drawing', /Save it as/, latin1(`\xef\xbb\xbf<?xml version="1.0"?>\n${SVG}`)],
		['an SVG drawing', /Save it as/, latin1(`<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN">${SVG}`)],
		['an SVG drawing', /Save it as/, latin1('<?xml version="1.0"?><!-- x --><!DOCTYPE svg PUBLIC "x" [')],
		['an SVG drawing', /Save it as/, latin1('<!-- x --><svg/>')],
		['an SVG drawing', /Save it as/, latin1('<svg:svg xmlns:svg="http://www.w3.org/2000/svg"/>')],
		['a web page', /needs a login/, latin1('<!-- x -->\n<!DOCTYPE html><svg></svg>')],
		['a web page', /needs a login/, latin1('<?xml version="1.0"?><!DOCTYPE html><html><svg></svg>')],
		['a web page', /needs a login/, latin1('\n <!DOCTYPE html><html><svg></svg>')],
		['a web page', /needs a login/, latin1('<HTML><body>')],
		[
			'an XML document',
			/needs a login/,
			latin1('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'),
		],
		['a JSON text', /needs a login/, latin1('{"error":"not found"}')],
		['a JSON text', /needs a login/, latin1('\xef\xbb\xbf[1, 2]')],
		['the text of a data: URL', /Convert to File/, latin1('data:image/png;base64,iVBORw0KGgo=')],
		['the text of a data: URL', /Convert to File/, latin1('"data:image/jpeg;base64,/9j/4AAQ"')],
		['the text of a data: URL', /Convert to File/, latin1('data:,hello')],
		['the text of a data: URL', /Convert to File/, Buffer.from('data:image/png;base64,iVBO', 'utf16le')],
		[
			'the text of a data: URL',
			/Convert to File/,
			Buffer.from('data:image/png;base64,iVBO', 'utf16le').swap16(),
		],
		['the base64 text of an image', /Convert to File/, latin1('/9j/4AAQSkZJRgABAQ')],
		['the base64 text of an image', /Convert to File/, latin1('iVBORw0KGgoAAAANSUhEUg')],
		['the base64 text of an image', /Convert to File/, latin1('R0lGODlhAQABAIAAAP')],
		[
			'the base64 text of an image',
			/Convert to File/,
			Buffer.from(latin1('RIFF\x24\0\0\0WEBPVP8 ').toString('base64')),
		],
		['a text', /needs a login/, latin1('Not found')],
		['a text', /needs a login/, latin1('The wide world')],
		['a text', /needs a login/, Buffer.from('\ufeffNicht gefunden', 'utf16le')],
		['an empty file', /node that made the file/, Buffer.alloc(0)],
		// A TGA begins like an icon without pictures.
		['a file of an unknown kind', /Save it as/, latin1('\0\0\x02\0\0\0\0\0\0\0\0\0\x09\0\x09\0')],
		[
			'a damaged file (it begins like a JPEG)',
			DAMAGED,
			latin1(`\xef\xbb\xbf\xff\xd8\xff\xe0${'x'.repeat(99)}`),
		],
		['a damaged file (it begins like a JPEG)', DAMAGED, latin1('\xff\xd8\xff')],
		['a damaged file (it begins like a JPEG)', DAMAGED, latin1(`\xff\xd8\xff\n${'x'.repeat(99)}`)],
		['a damaged file (it begins like a PNG)', DAMAGED, latin1('\x89PNG\r\n\x1a\n')],
		['a damaged file (it begins like a PNG)', DAMAGED, latin1(`\x89PNG\n\x1a\n${'x'.repeat(99)}`)],
		['a damaged file (it begins like a PNG)', DAMAGED, async () => await makePng(0, 9)],
		['a damaged file (it begins like a PNG)', DAMAGED, async () => await makePng(9, 0)],
		['a file of an unknown kind', /Save it as/, latin1('\x01\x02\x03\x04')],
	])('%s (%s)', async (what, advice, file) => {
		const bytes = Buffer.isBuffer(file) ? file : await file();
		expect(identifyImage(bytes.subarray(0, 512))).toEqual({ what, advice: expect.stringMatching(advice) });
	});
});
