"""ProdLDA as one writes it in plain PyTorch: dense counts, linear layers, log_softmax.

The yardstick of `training` and `vocabulary`. Architecture, batch size, dropout and optimiser are
those of the recipe that ntm_fast trains; only the counts are made dense and the logits are formed.
"""

from __future__ import annotations

import math

import scipy.sparse as sp
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.harness import machine
from ntm_fast.training import Recipe


class DenseProdLDA(nn.Module):
    """Softplus encoder, logistic-normal posterior, product of experts with batch norm."""

    def __init__(self, n_words: int, recipe: Recipe) -> None:
        super().__init__()
        s = recipe.model

        def norm(n: int) -> nn.BatchNorm1d:  # a learned shift, the scale frozen at 1
            layer = nn.BatchNorm1d(n, eps=s.batch_norm_eps, momentum=s.batch_norm_momentum)
            layer.weight.requires_grad_(False)
            return layer

        first, second = s.hidden
        self.encoder = nn.Sequential(
            nn.Linear(n_words, first),
            nn.Softplus(),
            nn.Linear(first, second),
            nn.Softplus(),
            nn.Dropout(s.encoder_dropout),
        )
        self.mean = nn.Sequential(nn.Linear(second, s.n_topics), norm(s.n_topics))
        self.log_variance = nn.Sequential(nn.Linear(second, s.n_topics), norm(s.n_topics))
        self.drop = nn.Dropout(s.topic_dropout)
        self.decoder = nn.Sequential(nn.Linear(s.n_topics, n_words, bias=False), norm(n_words))
        # Laplace approximation of the symmetric Dirichlet: mean 0 and this variance.
        self.prior_log_variance = math.log((1 - 1 / s.n_topics) / s.prior)

    def forward(self, x: Tensor) -> Tensor:
        """Loss of counts x [B, V]: the negative ELBO, averaged over the documents."""
        h = self.encoder(x)  # [B, H]
        mean, log_variance = self.mean(h), self.log_variance(h)  # [B, K]
        theta = torch.softmax(mean + (log_variance / 2).exp() * torch.randn_like(mean), 1)
        log_p = F.log_softmax(self.decoder(self.drop(theta)), 1)  # [B, V]
        ratio = log_variance - self.prior_log_variance
        squared = mean**2 / math.exp(self.prior_log_variance)
        kl = 0.5 * (ratio.exp() + squared - 1 - ratio).sum(1)
        return (kl - (x * log_p).sum(1)).mean()


class DenseTrainer:
    """The plain loop: a random batch of rows made dense, forward, backward, Adam."""

    def __init__(self, n_words: int, recipe: Recipe, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.model = DenseProdLDA(n_words, recipe).to(machine.NAME).train()
        self.batch_size = recipe.training.batch_size
        self.optimiser = torch.optim.Adam(
            self.model.parameters(),
            lr=recipe.training.learning_rate,
            betas=recipe.training.betas,
            fused=True,
        )

    def epoch(self, matrix: sp.csr_array | Tensor) -> float:
        """One pass over counts [D, V], sparse or already dense on the model's device; mean loss."""
        total = torch.zeros(())
        for rows in torch.randperm(matrix.shape[0]).split(self.batch_size):
            if isinstance(matrix, Tensor):
                x = matrix[rows]
            else:
                x = torch.from_numpy(matrix[rows.cpu().numpy()].toarray()).to(total.device)
            loss = self.model(x)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.optimiser.step()
            total += loss.detach() * len(rows)
        return total.item() / matrix.shape[0]
