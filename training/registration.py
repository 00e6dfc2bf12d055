"""From a fitted model to a registered version: the run, the evidence of the gates, the first load, the place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.gates import load_gates
from cvo_ml.config.loader import as_mapping, default_config, load_config
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import GateClosed
from cvo_ml.core.scratch import scratch_folder
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import ReadResult
from cvo_ml.registry.bundles.bundle import Bundle, save_bundle
from cvo_ml.registry.bundles.card import grade_sentence, model_card
from cvo_ml.registry.bundles.evidence import GateEvidence
from cvo_ml.registry.bundles.first_load import admit
from cvo_ml.registry.bundles.golden import golden_of
from cvo_ml.registry.tracking import Tracker
from cvo_ml.registry.tracking.champions import JUDGED, ChampionHistory, Incumbent
from cvo_ml.registry.tracking.promotion import EVIDENCE, Placement, When, register
from cvo_ml.registry.tracking.registered_models import MODEL, SHOP
from cvo_ml.registry.tracking.run import Run
from cvo_ml.workflows.train import TrainedModel
from training.evidence.gate_evidence import evidence
from training.evidence.golden import golden_inputs
from training.evidence.plots import plain_style
from training.evidence.result import Trained
from training.provenance import git_commit, pins_hash
from training.run_facts import code_tags, dataset_of, days_text, logged_name, run_name

#: How often a model is judged anew because another one has become champion meanwhile.
LOOKS: Final = 5


@dataclass(frozen=True)
class Registration:
    """What the models of one call are registered with."""

    tracker: Tracker
    shop: ShopConfig
    as_of: date
    read: ReadResult
    when: When
    workspace: Workspace

    def take(self, name: str, job: FrozenConfig, fit: Callable[[Run], Trained]) -> TrainedModel:
        """Fit in a tracked run, register, and give the new version its place.

        Raises
        ------
        ModelRefused
            If the data carry no such model.
        BundleError
            If the model could not be loaded again: then nothing is registered.
        """
        incumbent = ChampionHistory(self.tracker).incumbent(name)
        # MLflow's lists cut a name after some twenty signs, so what differs within an experiment stands first
        whose = f"({self.shop.name} {name})"
        with self.tracker.run(name, f"{self.as_of} {whose}", {MODEL: name, "as_of": str(self.as_of)}) as run:
            run.log_dataset(dataset_of(self.shop.name, self.read, self.as_of))
            trained = fit(run)
            job = trained.job or job
            own = run_name(trained.bundle, job, self.workspace, is_tuned=trained.job is not None)
            run.rename(f"{self.as_of} {own} {whose}")
            bundle = self._with_facts(trained.bundle, trained, job)
            bundle = replace(bundle, golden=golden_of(bundle, golden_inputs(name)))
            found = self._judged(trained, bundle, incumbent)
            self._log(run, trained, bundle, job, found)
            with scratch_folder() as folder:
                run.log_folder(save_bundle(self._evaluated(trained), folder / JUDGED), JUDGED)
                admit(save_bundle(bundle, folder / "model"))
                uri = run.log_bundle(folder / "model", logged_name(bundle, self.as_of), self._tags(bundle))
                run.log_metrics(trained.metrics, model=uri)
        version, placed = self._register(run, uri, trained, bundle, found)
        return TrainedModel(
            name=name,
            kind=bundle.kind,
            grade=bundle.grade,
            version=bundle.version,
            registered=version,
            role=placed.role,
            why=placed.why,
            metrics={key: value for key, value in trained.metrics.items() if value == value},
            parameters=trained.parameters,
            notes=trained.notes,
        )

    def _register(
        self, run: Run, uri: str, trained: Trained, bundle: Bundle, found: GateEvidence
    ) -> tuple[int, Placement]:
        """Register against whoever is champion at that moment: if that is another than was judged, judge again."""
        history, name = ChampionHistory(self.tracker), bundle.name
        gates = load_gates(name, dossiers=self.workspace.dossiers)
        tags = {"grade": bundle.grade, "shop": self.shop.name, "hash": bundle.version, "as_of": str(self.as_of)}
        for _ in range(LOOKS):
            done = register(history, self.tracker, uri, bundle, tags, found, gates, self.when)
            if done is not None:
                return done
            found = self._judged(trained, bundle, history.incumbent(name))
            run.log_dict(found.to_json(), EVIDENCE.removesuffix(".json"))
            run.log_text(model_card(bundle, found), "MODEL_CARD")
        raise GateClosed(f"{name}: champions change faster than one can be judged: train again when nobody else does")

    def _judged(self, trained: Trained, bundle: Bundle, incumbent: Incumbent | None) -> GateEvidence:
        policy = load_config(default_config("policies/priorities.yaml", self.workspace.configs), PriorityPolicy)
        return evidence(trained.window, bundle, incumbent, policy)

    def _log(self, run: Run, trained: Trained, bundle: Bundle, job: FrozenConfig, found: GateEvidence) -> None:
        run.log_params({"job": as_mapping(job), "shop": self.shop.name, "as_of": str(self.as_of), **trained.parameters})
        run.set_tags(
            {
                **self._tags(bundle),
                "version": bundle.version,
                "data": self.read.fingerprint,
                **code_tags(bundle),
                "mlflow.note.content": grade_sentence(bundle, found.measure),
            }
        )
        run.log_dict(bundle.facts["verdict"], "verdict")
        run.log_dict(found.to_json(), EVIDENCE.removesuffix(".json"))
        run.log_text(model_card(bundle, found), "MODEL_CARD")
        for title, document in trained.documents.items():
            run.log_dict(document, title)
        for title, text in trained.texts.items():
            run.log_text(text, title)
        with plain_style():
            for title, draw in trained.figures.items():
                run.log_figure(draw(), title)

    def _tags(self, bundle: Bundle) -> dict[str, str]:
        """What runs and logged models are looked for by."""
        return {
            SHOP: self.shop.name,
            MODEL: bundle.name,
            "as_of": str(self.as_of),
            "horizon": days_text(bundle),
            "grade": bundle.grade,
            "kind": bundle.kind,
        }

    def _evaluated(self, trained: Trained) -> Bundle:
        """The model that was judged, which knew nothing of the window."""
        facts = {"trained_as_of": str(trained.window.opened), "shop": self.shop.name}
        return replace(trained.window.evaluated, facts=facts)

    def _with_facts(self, bundle: Bundle, trained: Trained, job: FrozenConfig) -> Bundle:
        facts = {
            **bundle.facts,
            "trained_as_of": str(self.as_of),
            "shop": self.shop.name,
            "currency": self.read.tables.currency,
            "timezone": self.shop.timezone,
            "data_hash": self.read.fingerprint,
            "git_commit": git_commit(),
            "pins_hash": pins_hash(),
            "job": as_mapping(job),
            "metrics": {key: value for key, value in trained.metrics.items() if np.isfinite(value)},
            "notes": list(trained.notes),
        }
        return replace(bundle, facts=facts)
