"""Ways in which a sound file becomes another one."""

import io
import json
import re
import struct
import zipfile
import zlib

import numpy as np

NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
WORDS = (
    b"", b"nan", b"inf", b"-1", b"0", b"1e300", b"1e999", b"9" * 25,
    b"9" * 5000, b"0x1F", b"1,5", b"None", b"'", b'"', b"\xff\xfe", b"\0",
    "\u0663\u200b".encode(), b"x" * 200_000, b"../../x", b"=cmd", b"[" * 3000,
)  # fmt: skip
COUNTS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 10**6)


def mutate(content: bytes, suffix: str, rng) -> bytes:
    """Another file of the same kind: its bytes changed, or what it holds."""
    inner = INNER.get(suffix, ())
    if inner and rng.random() < 0.5:
        return inner[rng.integers(len(inner))](content, rng)
    for _ in range(rng.integers(1, 4)):
        content = BYTES[rng.integers(len(BYTES))](content, rng)
    return content


# --- Bytes ---


def _place(content, rng):
    """A place; headers are hit more often than their share."""
    size = max(len(content), 1)
    return int(rng.integers(min(size, 512) if rng.random() < 0.4 else size))


def _flip(content, rng):
    data = bytearray(content or b"\0")
    for _ in range(rng.integers(1, 9)):
        data[_place(data, rng)] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _cut(content, rng):
    return content[: _place(content, rng)]


def _drop(content, rng):
    at = _place(content, rng)
    return content[:at] + content[at + int(rng.integers(1, 65)) :]


def _insert(content, rng):
    at = _place(content, rng)
    return content[:at] + rng.bytes(rng.integers(1, 65)) + content[at:]


def _repeat(content, rng):
    at, length = _place(content, rng), int(rng.integers(1, 2049))
    return content[:at] + content[at : at + length] + content[at:]


def _zero(content, rng):
    at, length = _place(content, rng), int(rng.integers(1, 129))
    gap = bytes(len(content[at : at + length]))
    return content[:at] + gap + content[at + length :]


def _count(content, rng):
    at, count = _place(content, rng), int(rng.choice(COUNTS))
    kind = "<I" if rng.random() < 0.5 else ">I"
    return content[:at] + struct.pack(kind, count) + content[at + 4 :]


def _append(content, rng):
    return content + rng.bytes(rng.integers(1, 4097))


def _prepend(content, rng):
    marks = (b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b"\n\n", rng.bytes(16))
    return marks[rng.integers(len(marks))] + content


def _empty(content, rng):
    return b""


BYTES = (
    _flip, _flip, _cut, _drop, _insert, _repeat, _zero, _count, _append,
    _prepend, _empty,
)  # fmt: skip


# --- Text ---


def _number(content, rng):
    found = list(NUMBER.finditer(content))
    for at in sorted(rng.integers(0, max(len(found), 1), 2), reverse=True):
        if found:
            word, match = WORDS[rng.integers(len(WORDS))], found[at]
            content = content[: match.start()] + word + content[match.end() :]
    return content


def _lines(content, rng):
    lines = content.split(b"\n")
    at, other = rng.integers(len(lines), size=2)
    kind = rng.integers(5)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(at, lines[other])
    elif kind == 2:
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == 3:
        cells = lines[at].split(b",")
        del cells[rng.integers(len(cells))]
        lines[at] = b",".join(cells)
    else:
        lines[at] += b"," + WORDS[rng.integers(len(WORDS))]
    return b"\n".join(lines)


def _encode(content, rng):
    text = content.decode(errors="replace")
    return text.encode(("utf-16", "utf-8-sig", "utf-32")[rng.integers(3)])


# --- JSON, of one value or one a line ---


VALUES = (
    None, True, -1, 0, 1e300, 2**70, "", "x", "../../../x", [], {}, [1, "a"],
    {"a": {"b": []}}, "\ud800", "9" * 400, float("nan"), ["x"] * 5,
)  # fmt: skip


def _json(content, rng):
    lines = content.splitlines()
    at = None
    try:
        value = json.loads(content)
    except ValueError:
        at = int(rng.integers(max(len(lines), 1)))
        try:
            value = json.loads(lines[at])
        except (ValueError, IndexError):
            return content
    if rng.random() < 0.1:
        depth = int(rng.choice([500, 950, 100_000]))
        new = "[" * depth + "]" * depth
        key = json.dumps(rng.choice(list(value)) if value else "x")
        text = '{"' + f'x": 0, {key}: {new}' + "}"
    else:
        text = json.dumps(_changed(value, rng))
    if at is None:
        return text.encode()
    lines[at] = text.encode()
    return b"\n".join(lines) + b"\n"


def _changed(value, rng):
    """A copy with one value, or one key, replaced somewhere below."""
    inner = isinstance(value, dict | list) and len(value)
    if not inner or rng.random() < 0.15:
        return VALUES[rng.integers(len(VALUES))]
    keys = list(value) if isinstance(value, dict) else range(len(value))
    key = keys[int(rng.integers(len(keys)))]
    copy = value.copy()
    if rng.random() < 0.15:
        del copy[key]
    else:
        copy[key] = _changed(value[key], rng)
    return copy


# --- Containers ---


def _zip(content, rng):
    """One member mutated, with the right checksum around it."""
    members = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {n: archive.read(n) for n in archive.namelist()}
    except Exception:
        return content
    name = sorted(members)[int(rng.integers(len(members)))]
    kind = rng.integers(8)
    if kind == 0:
        del members[name]
    elif kind == 1:
        members[f"{name}x"] = members.pop(name)
    else:
        suffix = "." + name.rpartition(".")[2]
        members[name] = mutate(members[name], suffix, rng)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return out.getvalue()


def array_of(rng):
    """An array of any kind and shape, as a file may hold one."""
    shape = SHAPES[rng.integers(len(SHAPES))]
    kind = rng.integers(9)
    if kind == 0:
        return rng.normal(size=shape)
    if kind == 1:
        return np.full(shape, (np.nan, np.inf, 1e300)[rng.integers(3)])
    if kind == 2:
        return np.zeros(shape, (bool, np.int8, np.uint64)[rng.integers(3)])
    if kind == 3:
        return np.zeros(shape, complex)
    if kind == 4:
        return np.full(shape, "text")
    if kind == 5:
        return rng.integers(-3, 300, shape)
    if kind == 6:
        return np.zeros(shape, np.float16)
    if kind == 7:
        return np.full(shape, b"bytes")
    return np.zeros(shape, [("a", float), ("b", "U3")])


SHAPES = (
    (), (0,), (5,), (0, 78), (1, 78), (3, 78), (78, 60), (60, 160), (60, 33),
    (60, 31), (60, 30), (2, 3, 4), (60, 78), (60, 77), (1, 1), (60, 2),
)  # fmt: skip


def _npy(content, rng):
    out = io.BytesIO()
    np.save(out, array_of(rng), allow_pickle=False)
    return out.getvalue()


def _mat(content, rng):
    """A .mat file of version 4 or 5 with other variables."""
    import scipy.io
    import scipy.sparse

    out = io.BytesIO()
    kind = int(rng.integers(6))
    value = array_of(rng)
    if kind == 0:
        value = {"field": value}
    elif kind == 1:
        value = np.array([value, "x"], dtype=object)
    elif kind == 2:
        value = scipy.sparse.eye(60, 78).tocsc()
    variables = {("data", "x")[rng.integers(2)]: value}
    if kind == 3:
        variables["other"] = array_of(rng)
    try:
        version = ("4", "5")[rng.integers(2)]
        scipy.io.savemat(out, variables, format=version, do_compression=True)
    except Exception:  # version 4 has no structures
        return content
    return out.getvalue()


def _h5(content, rng):
    """A .mat file of version 7.3 with another variable."""
    import h5py

    out = io.BytesIO()
    with h5py.File(out, "w", userblock_size=512) as file:
        kind = int(rng.integers(11))
        if kind == 0:
            file.create_group("data")["inner"] = rng.normal(size=(78, 60))
        elif kind == 1:
            file["data"] = h5py.ExternalLink("/dev/zero", "data")
        elif kind == 2:
            file["data"] = h5py.SoftLink("/data")
        elif kind == 3:
            layout = h5py.VirtualLayout((78, 60), float)
            layout[:] = h5py.VirtualSource("other.mat", "data", (78, 60))
            file.create_virtual_dataset("data", layout, fillvalue=1.0)
        elif kind == 4:
            size = int(rng.choice([10**5, 10**7, 10**8]))
            file.create_dataset("data", (78, size), chunks=True, dtype=float)
        elif kind == 5:
            file.create_dataset("data", (78, 60), h5py.string_dtype())
        elif kind == 6:
            file.create_dataset("data", (78, 60), h5py.vlen_dtype(float))
        elif kind == 7:
            file.create_dataset("data", (78, 60), h5py.ref_dtype)
        elif kind == 8:
            file.create_dataset(
                "data", (78, 60), float, external=[("/etc/hostname", 0, 37440)]
            )
        elif kind == 9:
            file["data"] = h5py.Empty("f8")
        else:
            value = array_of(rng)
            if value.dtype.kind == "U":
                value = value.astype("S")
            elif value.dtype.kind == "V":  # HDF5 has no text of that kind
                value = value["a"]
            file["data"] = value
            file["data"].attrs["MATLAB_class"] = np.bytes_(
                (b"double", b"cell", b"char", b"x")[rng.integers(4)]
            )
    data = bytearray(out.getvalue())
    data[:128] = b"MATLAB 7.3 MAT-file".ljust(116) + bytes(8) + b"\0\2IM"
    return bytes(data)


def _png(content, rng):
    """Another head, or another chunk, with the right checksum."""
    if content[:4] != b"\x89PNG":
        return _picture(content, rng)
    wide, high = rng.choice([1, 63, 4096, 60_000, 2**31 - 1], 2).tolist()
    depth, colour = (
        int(rng.choice([1, 8, 16, 3])),
        int(rng.choice([0, 2, 3, 6])),
    )
    head = b"IHDR" + struct.pack(">2I5B", wide, high, depth, colour, 0, 0, 0)
    return (
        content[:12] + head + struct.pack(">I", zlib.crc32(head)) + content[33:]
    )


def _picture(content, rng):
    from PIL import Image

    modes = ("1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "I", "F", "RGB")
    mode, size = modes[rng.integers(len(modes))], int(rng.choice([1, 70, 96]))
    kind = ("PNG", "JPEG", "GIF", "TIFF", "BMP")[rng.integers(5)]
    out = io.BytesIO()
    try:
        Image.new(mode, (size, 80)).save(out, kind)
    except (OSError, ValueError, KeyError):
        return content
    return out.getvalue()


def _boxes(content, rng):
    """Sizes and counts of an mp4 file's boxes."""
    found = [
        m.start() - 4
        for m in re.finditer(
            rb"ftyp|moov|mdat|trak|stts|stsz|stco|stsc|mvhd|tkhd|avc1|free",
            content,
        )
    ]
    if not found:
        return content
    at = found[rng.integers(len(found))] + int(rng.choice([0, 0, 4, 8, 12, 16]))
    value = struct.pack(">I", int(rng.choice([*COUNTS, 8, 16])))
    return content[:at] + value + content[at + 4 :]


_TEXT = (_number, _number, _lines, _lines, _encode)
INNER = {
    ".txt": _TEXT,
    ".csv": _TEXT,
    ".xml": _TEXT,
    ".rels": _TEXT,
    ".json": (_json, _json, _number),
    ".jsonl": (_json, _json, _lines),
    ".npz": (_zip,),
    ".npy": (_npy,),
    ".xlsx": (_zip,),
    ".pth": (_zip,),
    ".mat": (_mat,),
    ".mat73": (_h5,),
    ".png": (_png, _picture),
    ".jpg": (_picture,),
    ".mp4": (_boxes,),
}
