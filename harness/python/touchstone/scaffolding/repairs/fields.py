"""Fields of the config that a default leaves out, lists whole, or points beyond."""

import re

from touchstone.scaffolding import configs, entrance, names, relations, sizes
from touchstone.scaffolding.draft import merged
from touchstone.scaffolding.repairs.trouble import Trouble, default_config, default_part

#: What a backbone that needs a library is replaced by: one that transformers holds itself.
BACKBONE = {"out_features": ["stage4"]}
BACKBONE_SIZES = {"model_type": "resnet", "embedding_size": 12, "hidden_sizes": [16, 20, 24, 28], "depths": [1, 1, 1, 1]}


def more_layers(trouble: Trouble, match: re.Match) -> bool:
    """An index of a layer that is not there."""
    found = False
    for part in configs.parts(trouble.subject.config_class()):
        for name, value in part.fields().items():
            if names.LAYER.search(name) and configs.is_int(value):
                have = trouble.draft.get((*part.path, name))
                wanted = min(value, relations.MOST_LAYERS)
                if have is not None and have < wanted:
                    trouble.draft.set((*part.path, name), min(wanted, max(have * 2, 4)))
                    found = True
    return found


def layer_kinds(trouble: Trouble, match: re.Match) -> bool:
    """The kinds of the layers that are left, where the class lists them all."""
    changed = False
    for part in configs.parts(trouble.subject.config_class()):
        fields = part.fields()
        for name, value in fields.items():
            if isinstance(value, (list, tuple)) and len(value) == int(match["full"]) and configs.is_plain(list(value)):
                count = int(match["tiny"])
                configs.place(trouble.draft.checkpoint, part.path, {name: list(value)[:count]})
                changed = True
    return changed


def more_positions(trouble: Trouble, match: re.Match) -> bool:
    """A table that is shorter than what is looked up in it."""
    grown = False
    for part in configs.parts(trouble.config):
        default = default_part(trouble, part.path)
        for name in part.fields():
            value, full = getattr(part.config, name, None), getattr(default, name, None)
            if names.POSITION.search(name) and configs.is_int(value) and configs.is_int(full) and value < full and value < 600:
                trouble.draft.set((*part.path, name), min(full, value * 3 + 1))
                grown = True
    return grown


def head_given(trouble: Trouble, match: re.Match) -> bool:
    """A head's size that the class does not work out by itself."""
    changed = False
    for part in configs.parts(trouble.config):
        fields = part.fields()
        heads, wide = fields.get("num_attention_heads"), fields.get("hidden_size")
        if "head_dim" in fields and fields["head_dim"] is None and heads and wide:
            trouble.draft.set((*part.path, "head_dim"), wide // heads)
            changed = True
        if "num_key_value_heads" in fields and fields["num_key_value_heads"] is None and heads:
            trouble.draft.set((*part.path, "num_key_value_heads"), sizes.KEY_VALUE_HEADS.get(heads, 1))
            changed = True
    return changed


def chosen_experts(trouble: Trouble, match: re.Match) -> bool:
    """How many experts a token goes to, where the class has no default."""
    changed = False
    for part in configs.parts(trouble.config):
        for name, value in part.fields().items():
            if value is None and (names.CHOSEN.search(name) or names.EXPERT.search(name)):
                trouble.draft.set((*part.path, name), 2 if names.CHOSEN.search(name) else 4)
                trouble.draft.guess("config", f"{name} has no default")
                changed = True
    return changed


def unset(trouble: Trouble, match: re.Match) -> bool:
    """A field without a default that the default's own layers need."""
    changed = False
    for part in configs.parts(trouble.config):
        if match["name"] in part.fields() and part.fields()[match["name"]] is None:
            configs.place(trouble.draft.checkpoint, part.path, {match["name"]: 4})
            trouble.draft.guess("checkpoint", f"{match['name']} has no default")
            changed = True
    return changed


def no_field(trouble: Trouble, match: re.Match) -> bool:
    """A field that only looks like one."""
    changed = False
    for part in configs.parts(default_config(trouble)):
        held = configs.reached(trouble.draft.config, part.path)
        if match["name"] in held:
            del held[match["name"]]
            changed = True
    return changed


def prediction(trouble: Trouble, match: re.Match) -> None:
    """How far ahead a time series is told; how far back it must reach follows from that."""
    trouble.draft.config["prediction_length"] = 5
    if getattr(trouble.config, "num_time_features", None) == 0:
        trouble.draft.config["num_time_features"] = 4
    trouble.draft.inputs.clear()
    entrance.propose(trouble.draft, trouble.subject, trouble.subject.config_class(**merged(trouble.draft.checkpoint, trouble.draft.config)))


def backbone(trouble: Trouble, match: re.Match) -> None:
    """A backbone of another library makes way for one of transformers."""
    draft = trouble.draft
    draft.checkpoint["backbone_config"] = dict(BACKBONE)
    draft.config["backbone_config"] = dict(BACKBONE_SIZES)
    for name, value in (("use_timm_backbone", False), ("use_pretrained_backbone", False), ("backbone", None), ("backbone_kwargs", None)):
        if name in trouble.config.__dict__ or name in type(trouble.config).__dataclass_fields__:
            draft.checkpoint[name] = value
    draft.guess("checkpoint", "the checkpoint's backbone is timm's; this one is transformers' own")
