"""Synthetic speech, sounds, dialogs, handwriting and graphs in the files of published collections."""

import wave

import numpy as np

from tests.published.makers import numbered, pack, sentence


def sound(path, random, rate, seconds):
    """A WAV file: noise in one channel of 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(random.integers(-9000, 9000, int(rate * seconds)).astype("<i2").tobytes())


def speech(root, random):
    """LJSpeech: clips, and lines of their name, their text, and the text with numbers as words."""
    lines = []
    for i in range(160):
        words = sentence(random, int(random.integers(4, 12))).capitalize() + "."
        lines.append(f"LJ001-{i:04}|{words}|{words}\n")
        sound(root / "LJSpeech-1.1" / "wavs" / f"LJ001-{i:04}.wav", random, 22_050, random.uniform(1, 2))
    (root / "LJSpeech-1.1" / "metadata.csv").write_text("".join(lines))


def environment(root, random):
    """ESC-50: clips of five seconds in five folds, with ten of the classes."""
    folder = root / "ESC-50-master"
    rows = ["filename,fold,target,category,esc10,src_file,take"]
    for fold in range(1, 6):
        for target in range(0, 40, 4):
            for take in "AB":
                name = f"{fold}-{10_000 + target}-{take}-{target}.wav"
                sound(folder / "audio" / name, random, 44_100, 5)
                rows.append(f"{name},{fold},{target},class{target},True,{10_000 + target},{take}")
    (folder / "meta").mkdir()
    (folder / "meta" / "esc50.csv").write_text("\n".join(rows) + "\n")


def dialogs(root, random):
    """Cornell's dialogs of movies: lines, and conversations as lists of them."""
    folder = root / "cornell movie-dialogs corpus"
    folder.mkdir()
    mark, count = " +++$+++ ", 60_000
    lines = [mark.join([f"L{i}", "u0", "m0", "NAME", sentence(random, 6) + "?"]) for i in range(count)]
    starts = range(0, count, 4)
    conversations = [mark.join(["u0", "u1", "m0", str([f"L{i + j}" for j in range(4)])]) for i in starts]
    (folder / "movie_lines.txt").write_text("\n".join(lines) + "\n")
    (folder / "movie_conversations.txt").write_text("\n".join(conversations) + "\n")


def handwriting(root, random):
    """IAM: pictures of words in an archive, and a table of their transcriptions."""
    from PIL import Image

    folder = root / "IAM_Words"
    pictures = root / "pictures"
    rows = ["#--- words.txt ---"]
    for i in range(400):
        form = f"a{i // 100:02}-000u"
        name = f"{form}-{i % 100:02}-00"
        path = pictures / form[:3] / form / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (40, 110), np.uint8)).save(path)
        rows.append(f"{name} ok 154 408 768 110 40 NN {sentence(random, 1)}")
    folder.mkdir()
    pack(pictures, folder / "words.tgz")
    for path in sorted(pictures.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    pictures.rmdir()
    (folder / "words.txt").write_text("\n".join(rows) + "\n")


def citations(root, random):
    """Cora: papers with their words and subject, and which cites which."""
    subjects = ["Case_Based", "Genetic_Algorithms", "Neural_Networks", "Probabilistic_Methods"]
    subjects += ["Reinforcement_Learning", "Rule_Learning", "Theory"]
    papers, folder = [31_000 + 7 * i for i in range(700)], root / "cora"
    folder.mkdir()
    words = (random.random((len(papers), 1433)) < 0.02).astype(int)
    rows = ["\t".join(map(str, (p, *w, subjects[i % 7]))) for i, (p, w) in enumerate(zip(papers, words))]
    cites = ["\t".join(map(str, random.choice(papers, 2, replace=False))) for _ in range(1400)]
    (folder / "cora.content").write_text("\n".join(rows) + "\n")
    (folder / "cora.cites").write_text("\n".join(cites) + "\n")


def scans(name):
    """Volumes of computed tomography in the NIfTI format."""

    def make(root, random):
        import nibabel

        for folder, i in numbered(root, [name], 72):
            voxels = random.integers(-1000, 400, (32, 32, 16)).astype("int16")
            nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), folder / f"study_{i:04}.nii.gz")

    return make


CORPORA = {  # part of the URL: what makes the file
    "LJSpeech": speech,
    "ESC-50": environment,
    "cornell_movie_dialogs": dialogs,
    "IAM_Words": handwriting,
    "cora.tgz": citations,
    "CT-0": scans("CT-0"),
    "CT-23": scans("CT-23"),
}
