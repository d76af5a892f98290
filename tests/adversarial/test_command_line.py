"""Bad command lines. The table is held against the parser: a new option without rows fails."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator

import pytest

from diversevis import cli

V = "visualize vgg19 conv3_1 21"
T = "invariance vgg19 conv3_1 21"
HUGE = 10**12

ROWS = [
    # no command, or none that there is
    ("", "COMMAND"),
    ("visualise vgg19 conv3_1 21", "visualise"),
    ("--sead 1", "COMMAND"),
    ("'\x1b[31m'", "COMMAND"),
    # names
    ("visualize", "NETWORK"),
    ("visualize vgg19", "LAYER"),
    ("visualize vgg19 conv3_1", "CHANNEL"),
    ("visualize vgg16 conv3_1 21", "did you mean vgg19"),
    ("visualize VGG19 conv3_1 21", "did you mean vgg19"),
    ("visualize ../vgg19 conv3_1 21", "'../vgg19'"),
    ("visualize '' conv3_1 21", "the name of a network"),
    ("visualize 'vgg19\n' conv3_1 21", "'vgg19\\n'"),
    ("visualize vgg19 conv31 21", "conv3_1"),
    ("visualize vgg19 conv5_4 21", "'conv5_4'"),
    ("visualize vgg19 '' 21", "the name of a layer"),
    ("visualize vgg19 ../conv3_1 21", "'../conv3_1'"),
    ("visualize resnet50 layer1 21", "layer1.0"),
    ("visualize controls complicated 0", "complex"),
    ("visualize controls simple 4", "0 to 3"),
    ("visualize vgg19 conv3_1 256", "0 to 255"),
    ("visualize vgg19 conv3_1 -1", "0 to 255"),
    ("visualize vgg19 conv3_1 21 21", "21 twice"),
    ("visualize vgg19 conv3_1 1.5", "1.5"),
    ("visualize vgg19 conv3_1 all", "all"),
    ("visualize vgg19 conv3_1 1,2", "1,2"),
    ("visualize vgg19 conv3_1 99999999999999999999", "0 to 255"),
    (f"visualize vgg19 conv3_1 {'9' * 5000}", "CHANNEL"),
    # options of both
    (f"{V} --seed 1.5", "--seed"),
    (f"{V} --seed x", "--seed"),
    (f"{V} --seed -1", "seed"),
    (f"{V} --seed {10**30}", "seed"),
    (f"{V} --device tpu", "'tpu'"),
    (f"{V} --device cuda:99", "cuda"),
    (f"{V} --device ''", "device"),
    (f"{V} --sede 1", "--sede"),
    (f"{V} --seed", "--seed"),
    # visualize
    (f"{V} --diversity x", "--diversity"),
    (f"{V} --diversity -1", "diversity"),
    (f"{V} --diversity nan", "diversity"),
    (f"{V} --diversity inf", "diversity"),
    (f"{V} --diversity 1e39", "diversity"),
    (f"{V} --diversity 1 --sweep", "--sweep"),
    (f"{V} --sweep=yes", "--sweep"),
    (f"{V} --distance conv3_2", "before conv3_1"),
    (f"{V} --distance conv3_1", "before conv3_1"),
    (f"{V} --distance pixel", "pixels"),
    (f"{V} --distance ''", "conv3_1"),
    (f"{V} --diversity 0.1 --distance conv9_9", "before conv3_1"),
    (f"{V} --images 0", "for images"),
    (f"{V} --images 1", "two images"),
    (f"{V} --images 1 --diversity 0.1", "two images"),
    (f"{V} --images -3", "for images"),
    (f"{V} --images 6.0", "--images"),
    (f"{V} --images {HUGE}", "for images"),
    (f"{V} --grid 0.1,0.01", "rise"),
    (f"{V} --grid 0.1,0.1", "twice"),
    (f"{V} --grid 0,0.1", "for grid"),
    (f"{V} --grid=-1", "for grid"),
    (f"{V} --grid nan", "for grid"),
    (f"{V} --grid 1e300", "for grid"),
    (f"{V} --grid ''", "grid"),
    (f"{V} --grid ,", "grid"),
    (f"{V} --grid 0.1,,0.3", "grid"),
    (f"{V} --grid 0.1;0.3", "--grid"),
    (f"{V} --fraction 2", "for fraction"),
    (f"{V} --fraction 0", "for fraction"),
    (f"{V} --fraction nan", "for fraction"),
    (f"{V} --fraction x", "--fraction"),
    (f"{V} --fraction 90%", "--fraction"),
    (f"{V} --schedule slow", "schedule"),
    (f"{V} --steps 0", "for steps"),
    (f"{V} --steps 1e3", "--steps"),
    (f"{V} --steps {HUGE}", "for steps"),
    (f"{V} --precision float16", "precision"),
    (f"{V} --out", "--out"),
    # invariance
    ("invariance", "NETWORK"),
    ("invariance vgg19 conv1_1 0", "at least 5 px"),
    ("invariance controls complicated 0", "complex"),
    ("invariance controls complex 4", "0 to 3"),
    ("invariance controls", "LAYER"),
    (f"{T} --families rotation", "did you mean rotations"),
    (f"{T} --families Shifts", "did you mean"),
    (f"{T} --families ''", "families"),
    (f"{T} --families ,", "families"),
    (f"{T} --families shifts,shifts", "twice"),
    (f"{T} --families shifts,,scales", "families"),
    (f"{T} --delta 0", "for delta"),
    (f"{T} --delta=-1", "for delta"),
    (f"{T} --delta nan", "for delta"),
    (f"{T} --delta 1,two", "1,two"),
    (f"{T} --delta 2,1", "rise"),
    (f"{T} --delta 0.00001", "for delta"),
    (f"{T} --delta 1000", "for delta"),
    (f"{T} --delta 7", "without folding"),
    (f"{T} --families scales --delta 20", "factors"),
    (f"{T} --families rotations --delta 20", "delta"),
    (f"{T} --measure contrats", "contrats"),
    (f"{T} --measure", "--measure"),
    (f"{T} --learn-masks=yes", "--learn-masks"),
    (f"{T} --learn-masks no", "no"),
    (f"{T} --schedule slow", "schedule"),
    (f"{T} --steps 0", "for steps"),
    (f"{T} --steps x", "--steps"),
    (f"{T} --steps {HUGE}", "for steps"),
    (f"{T} --starts 0", "for starts"),
    (f"{T} --starts 1.5", "--starts"),
    (f"{T} --starts {HUGE}", "for starts"),
    (f"{T} --trial-steps 0", "for trial_steps"),
    (f"{T} --trial-steps x", "--trial-steps"),
    (f"{T} --trial-steps {HUGE}", "for trial_steps"),
    (f"{T} --per-step 0", "for per_step"),
    (f"{T} --per-step x", "--per-step"),
    (f"{T} --per-step {HUGE}", "for per_step"),
    (f"{T} --training 0", "for training"),
    (f"{T} --training x", "--training"),
    (f"{T} --training {HUGE}", "for training"),
    (f"{T} --held-out 0", "for held_out"),
    (f"{T} --held-out x", "--held-out"),
    (f"{T} --held-out {HUGE}", "for held_out"),
    (f"{T} --peak-steps 0", "for peak_steps"),
    (f"{T} --peak-steps x", "--peak-steps"),
    (f"{T} --peak-steps {HUGE}", "for peak_steps"),
    (f"{T} --precision half", "precision"),
    (f"{T} --seed 1e3", "--seed"),
    (f"{T} --seed -1", "seed"),
    (f"{T} --device gpu", "'gpu'"),
    (f"{T} --out", "--out"),
    (f"{T} --images 3", "--images"),
    # run
    ("run", "FILE"),
    ("run nothing.yaml", "nothing.yaml"),
    ("run .", "a configuration in ."),
    ("run ''", "a configuration"),
    ("run a.yaml b.yaml", "b.yaml"),
    ("run good.yaml --device", "--device"),
    ("run good.yaml --device tpu", "device"),
    ("run good.yaml --out", "--out"),
    ("run good.yaml --device ''", "device"),
    ("run good.yaml --seed 1", "--seed"),
    ("run /dev/zero", "KiB"),
    ("run /dev/null", "keys and values"),
    ("run good.yaml --part", "--part"),
    ("run good.yaml --part 2", "one of at most 1000 parts"),
    ("run good.yaml --part 0/8", "one of at most 1000 parts"),
    ("run good.yaml --part 9/8", "'9/8'"),
    ("run good.yaml --part 1/1001", "one of at most 1000 parts"),
    ("run good.yaml --part x/8", "'x/8'"),
    ("run good.yaml --part 1/257", "at most 256 parts of vgg19 conv3_1"),
    # merge
    ("merge", "FILE"),
    ("merge nothing.yaml", "nothing.yaml"),
    ("merge good.yaml", "parts of mine in results/mine/parts"),
    ("merge good.yaml --out", "--out"),
    ("merge good.yaml --out /dev/null", "parts of mine in /dev/null/mine/parts"),
    ("merge good.yaml --part 1/8", "--part"),
    # fetch, networks, doctor
    ("fetch", "NAME"),
    ("fetch vgg99", "vgg19"),
    ("fetch photographs vgg99", "vgg19"),
    ("fetch Photographs", "photographs"),
    ("fetch ../../etc/passwd", "etc/passwd"),
    ("fetch ''", "the name of"),
    ("fetch controls", "'controls'"),
    ("networks vgg99", "vgg19"),
    ("networks --plugin", "--plugin"),
    ("networks --plugin nothing.py", "a Python file as a plugin"),
    # networks that somebody gives
    ("visualize torchvision:resnet5 layer1.0 0", "did you mean resnet50"),
    ("visualize torchvision:resnet18+he layer1.0 0", "nulls of built-in networks alone"),
    ("visualize torchvision: layer1.0 0", "network of torchvision"),
    ("visualize torch:resnet18 layer1.0 0", "did you mean torchvision"),
    ("visualize resnet18 layer1.0 0", "torchvision:resnet18"),
    ("visualize vgg19 conv5_1 0", "name torchvision:vgg19 conv5_1"),
    (f"{V} --weights good.yaml", "name torchvision:vgg19"),
    ("visualize torchvision:resnet18 layer1.0 0 --weights nothing.pt", "no file nothing.pt"),
    ("visualize torchvision:resnet18 layer1.0 0 --weights good.yaml", "safetensors in good.yaml"),
    (f"{V} --plugin good.yaml", "a Python file as a plugin"),
    (f"{T} --weights good.yaml", "name torchvision:vgg19"),
    (f"{T} --plugin nothing.py", "a Python file as a plugin"),
    (f"{T} --photographs nothing", "a folder of pictures"),
    (f"{V} --photographs nothing", "a folder of pictures"),
    (f"{V} --diversity 1 --photographs .", "no photographs with --diversity"),
    (f"{T} --photographs .", "pictures in ."),
    # compare
    ("compare vgg19:conv3_1", "NETWORK:LAYER"),
    ("compare vgg19:conv3_1 conv3_2", "two layers such as"),
    ("compare vgg19:conv3_1 torchvision:resnet18", "two layers such as"),
    ("compare vgg19:conv3_1 vgg19:conv3_1", "'conv3_1' twice"),
    ("compare vgg19:conv3_1 vgg19:conv9_1", "'conv9_1'"),
    ("compare vgg19:conv3_1 resnet5:layer1.1", "did you mean resnet50"),
    ("compare vgg19:conv3_1 vgg19:conv3_2 --units 0", "at least 1 for units.per_layer"),
    ("compare vgg19:conv3_1 vgg19:conv3_2 --units all", "--units"),
    ("compare vgg19:conv3_1 vgg19:conv3_2 --seed -1", "at least 0 for seed"),
    ("compare vgg19:conv3_1 vgg19:conv3_2 --seed x", "--seed"),
    ("compare vgg19:conv3_1 vgg19:conv3_2 --device tpu", "'tpu'"),
    ("compare vgg19:conv3_1 vgg19:conv3_2 --weights mine.pt", "torchvision:resnet50=robust.pt"),
    ("compare vgg19:conv3_1 vgg19:conv3_2 --weights vgg19=mine.pt", "name torchvision:vgg19"),
    ("compare vgg19:conv3_1 vgg19:conv3_2 --photographs nothing", "a folder of pictures"),
    ("compare vgg19:conv3_1 vgg19:conv3_2 --like nothing.yaml", "nothing.yaml"),
    ("compare vgg19:conv3_1 vgg19:conv3_2 --like good.yaml", "criteria.yaml"),
    ("compare vgg19:conv3_1 vgg19:conv3_2 --plugin nothing.py", "a Python file as a plugin"),
    ("compare vgg19:conv3_1 vgg19:conv3_2 --out", "--out"),
    ("compare vgg19:conv3_1 vgg19:conv3_2 --figures", "--figures"),
    ("networks --all", "--all"),
    ("doctor --frobnicate", "--frobnicate"),
    ("doctor nothing", "nothing"),
    (f"doctor {'x' * 300}", "x" * 300),
    # atlas
    ("atlas", "RESULTS"),
    ("atlas nothing", "results of a scale in nothing"),
    ("atlas ''", "results of a scale in ."),
    ("atlas good.yaml", "results of a scale in good.yaml"),
    ("atlas one two", "two"),
    ("atlas nothing --out", "--out"),
    ("atlas nothing --out there --no-arrays=1", "--no-arrays"),
    ("atlas nothing --no-arrays", "results of a scale"),
    ("atlas nothing --frobnicate", "--frobnicate"),
    # nulls
    ("visualize vgg19+postions conv3_1 21", "did you mean positions"),
    ("visualize vgg18+he conv3_1 21", "did you mean vgg19"),
    ("visualize vgg19+he+units conv3_1 21", "none of a null"),
    ("visualize vgg19+he.0 conv3_1 21", "seed"),
    ("visualize vgg19+he.x conv3_1 21", "seed"),
    ("visualize vgg19+he conv9_9 21", "'conv9_9'"),
    ("invariance controls+he simple 0", "the name of a network"),
    ("fetch vgg19+unit", "did you mean units"),
]


@pytest.mark.parametrize(("line", "fragment"), ROWS, ids=lambda text: ascii(text)[:60])
def test_bad_command_line(sandbox, line, fragment):
    (sandbox.folder / "good.yaml").write_text("scale: mine\nlayers: {vgg19: [conv3_1]}\n")
    sandbox.refused(fragment, "cli", *shlex.split(line))


def options_of(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.Action]]:
    """Yield every command with each of its options and arguments."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield from ((name, own) for own in command._actions)


def lacking(parser: argparse.ArgumentParser, lines: list[str]) -> list[str]:
    """Return what rows lack of those of a parser.

    One for each command and option; of a number one that is none, and one beyond its limits.
    """
    split = [shlex.split(line) for line in lines]
    found = []
    for command, action in options_of(parser):
        rows = [words for words in split if words[:1] == [command]]
        if not rows:
            found.append(command)
        if not action.option_strings or isinstance(action, argparse._HelpAction):
            continue
        given = []
        for words in rows:
            for word, after in zip(words, [*words[1:], ""], strict=True):
                name, equals, value = word.partition("=")
                given += [value if equals else after] if name in action.option_strings else []
        name = f"{command} {action.option_strings[0]}"
        if not given:
            found.append(name)
        elif action.type in (int, float):
            right = [is_a(action.type, text) for text in given]
            found += [] if any(right) else [f"{name}: nothing beyond its limits"]
            found += [] if not all(right) else [f"{name}: nothing of a wrong type"]
    return found


def is_a(kind: type, text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


LINES = [line for line, _ in ROWS]


def test_every_option_has_its_rows():
    assert lacking(cli._parser(), LINES) == []


def test_a_new_option_without_rows_is_told():
    parser = argparse.ArgumentParser()
    command = parser.add_subparsers().add_parser("fetch")
    assert lacking(parser, LINES) == []
    command.add_argument("--tries", type=int)
    assert lacking(parser, LINES) == ["fetch --tries"]
    beyond, wrong = "fetch --tries 0", "fetch --tries=x"
    assert lacking(parser, [*LINES, beyond]) == ["fetch --tries: nothing of a wrong type"]
    assert lacking(parser, [*LINES, wrong]) == ["fetch --tries: nothing beyond its limits"]
    assert lacking(parser, [*LINES, beyond, wrong]) == []
